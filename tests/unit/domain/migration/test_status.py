"""What a person asks before and after an upgrade."""

from dataclasses import replace

import pytest

from domain.migration.status import DatabaseStatus, PendingRevision

FINE = DatabaseStatus("shop", "18.6", ("a1",), ("a1",), extension="0.8.1")
PENDING = (PendingRevision("b2", "add plan"),)


@pytest.mark.parametrize(
    ("status", "problems"),
    [
        (FINE, ()),
        (replace(FINE, unknown=("zz",)), ("the database is ahead of the code (zz): deploy the code that has it",)),
        (replace(FINE, heads=("a1", "b2")), ('2 heads: alembic merge -m "merge" heads',)),
        (replace(FINE, pending=PENDING), ("1 pending: alembic upgrade head",)),
        (
            replace(FINE, heads=("a1", "b2"), pending=PENDING),
            ('2 heads: alembic merge -m "merge" heads', "1 pending: alembic upgrade heads"),
        ),
        (replace(FINE, invalid_indexes=("public.ix", "public.iy")), ("invalid: REINDEX INDEX CONCURRENTLY public.ix",)),
        (replace(FINE, drift=("x",)), ("models and database differ: alembic revision --autogenerate",)),
        (
            replace(FINE, drift=("x",), has_models=False),
            ('revisions and database differ: alembic revision -m "..."',),
        ),
        (replace(FINE, drift=()), ()),
        (replace(FINE, extension=None), ("pgvector is missing: CREATE EXTENSION vector",)),
        (replace(FINE, extension=None, extension_needed=False), ()),
        (replace(FINE, extension=None, pending=PENDING), ("1 pending: alembic upgrade head",)),
        (replace(FINE, extension=None, unread=("the catalog",)), ("not read: the catalog",)),
    ],
)
def test_what_is_not_as_it_should_be(status: DatabaseStatus, problems: tuple[str, ...]) -> None:
    """Each with the command that mends it; pgvector is missed only where nothing is left to run that may bring it."""
    assert status.problems == problems
