"""Roles that an upgrade refuses on purpose, because it says what they may do."""

import pytest

from domain.migration.analysis.lost_privileges import is_refused_on_purpose
from domain.migration.compatibility import ApplicationStatement, BrokenStatement
from domain.migration.snapshot import ObjectKey
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, Objects, revision, step, table

OWNER = "shop=arwd/shop"


def is_on_purpose(key: ObjectKey, role: str, *revoked: str) -> bool:
    """Return whether a statement of a role on the users is refused on purpose after revokes on an object."""
    before: Objects = {**BASE, key: {"acl": (OWNER, *revoked), "owner": "shop"}}
    after: Objects = {**BASE, key: {"acl": (OWNER,), "owner": "shop"}}
    statement = ApplicationStatement("SELECT 1", USERS, role=role)
    trace = revision(step("REVOKE"), before=before, after=after)
    return is_refused_on_purpose(trace, BrokenStatement(statement, "permission denied", "42501"))


@pytest.mark.parametrize(
    ("key", "on_purpose"),
    [
        (("table", USERS), True),
        (("column", f"{USERS}.email"), True),
        (("schema", "shop"), True),
        (("function", "public.f()"), True),
        (("table", ORDERS), False),
        (("column", f"{ORDERS}.id"), False),
    ],
)
def test_what_a_revoke_is_on(key: ObjectKey, *, on_purpose: bool) -> None:
    """The table of the statement or a column of it, or anything that statements on all tables may need."""
    assert is_on_purpose(key, "app", "app=rX/shop") is on_purpose


@pytest.mark.parametrize(
    ("before", "after", "on_purpose"), [(False, True, True), (True, True, False), (True, False, False)]
)
def test_row_security_that_is_new(*, before: bool, after: bool, on_purpose: bool) -> None:
    """It refuses on purpose; one that was there before is not why a statement fails now."""
    schemas: list[Objects] = [{**BASE, **table(USERS, row_security=secured)} for secured in (before, after)]
    statement = ApplicationStatement("SELECT 1", USERS, role="app")
    trace = revision(step("ALTER"), before=schemas[0], after=schemas[1])
    assert is_refused_on_purpose(trace, BrokenStatement(statement, "permission denied", "42501")) is on_purpose


def test_whose_privilege_is_revoked() -> None:
    """That of the role itself or of PUBLIC, not that of another role; the owner needs none."""
    assert is_on_purpose(("table", USERS), "app", "=r/shop")
    assert not is_on_purpose(("table", USERS), "app", "other=r/shop")
    assert not is_on_purpose(("table", USERS), "", "=r/shop")
    assert is_on_purpose(("table", USERS), 'The "App"', '"The ""App"""=r/shop')
