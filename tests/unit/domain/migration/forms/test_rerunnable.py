"""Statements that commit on their own, made re-runnable."""

import pytest

from domain.migration.forms.made_names import free_index_name, index_name, plain_name, with_suffix
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.forms.rerunnable import rerunnable


@pytest.mark.parametrize(
    ("sql", "steps"),
    [
        (
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON shop.users (a)",
            ["DROP INDEX CONCURRENTLY IF EXISTS shop.ix", "CREATE INDEX CONCURRENTLY ix ON shop.users (a)"],
        ),
        (
            "CREATE INDEX CONCURRENTLY ix ON users (a)",
            ["DROP INDEX CONCURRENTLY IF EXISTS ix", "CREATE INDEX CONCURRENTLY ix ON users (a)"],
        ),
        ("VACUUM users", ["VACUUM users"]),
    ],
)
def test_what_an_interrupted_build_has_left_goes_first(sql: str, steps: list[str]) -> None:
    """An invalid index of the same name, in the schema of its table."""
    assert list(rerunnable(sql)) == [f'op.execute("{one}")' for one in steps]


def test_a_reindex_leaves_two_names() -> None:
    """The new index and the old one, whichever was interrupted."""
    first, second, last = rerunnable("REINDEX INDEX CONCURRENTLY public.ix")
    assert "ix_ccnew" in first
    assert "ix_ccold" in second
    assert last == 'op.execute("REINDEX INDEX CONCURRENTLY public.ix")'


def test_a_statement_that_can_run_again() -> None:
    """ADD COLUMN asks whether the column is there."""
    assert rerunnable("ALTER TABLE users ADD COLUMN x int") == (
        'op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS x int")',
    )
    assert rerunnable("ALTER TABLE users ADD COLUMN IF NOT EXISTS x int") == (
        'op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS x int")',
    )
    assert rerunnable("ALTER TYPE shop.plan ADD VALUE 'x'") == (
        "op.execute(\"ALTER TYPE shop.plan ADD VALUE IF NOT EXISTS 'x'\")",
    )


def test_settings_are_set_around_the_statements() -> None:
    """They are set for the session, and reset afterwards."""
    form = OwnTransactions(("VACUUM users",), ("lock_timeout = '2s'", "work_mem TO '1GB'"))
    assert (
        form.expand.fix
        == """with op.get_context().autocommit_block():
    op.execute("SET lock_timeout = '2s'")
    op.execute("SET work_mem TO '1GB'")
    op.execute("VACUUM users")
    op.execute("RESET lock_timeout")
    op.execute("RESET work_mem")
"""
    )


def test_made_names_fit() -> None:
    """They have at most 63 bytes, keep their suffix, and are quoted only where SQL needs that."""
    assert index_name("public.users", ["email", '"Name"']) == 'public."ix_users_email_Name"'
    assert index_name("public.users", ["email"]) == "public.ix_users_email"
    assert free_index_name("public.users", ["email"], {"ix_users_email"}) == "public.ix_users_email_2"
    assert len(plain_name("ck", "public.users", "é" * 60, suffix="_not_null").encode()) in {62, 63}
    assert with_suffix("public.IX", "_ccnew") == 'public."ix_ccnew"'
    assert with_suffix('"a""b"', "_new") == '"a""b_new"'
    assert with_suffix("x" * 63, "_new") == '"' + "x" * 59 + '_new"'


@pytest.mark.parametrize("place", ["%(kind)s", "%s", "$1"])
def test_a_statement_with_parameters_is_left_as_it_is(place: str) -> None:
    """Their values are not in its text."""
    assert rerunnable(f"INSERT INTO kinds VALUES ({place})") == ("...  # the statement as it is",)
    assert rerunnable("UPDATE kinds SET share = '%some%'") == ("op.execute(\"UPDATE kinds SET share = '%some%'\")",)
