"""The rule `values-lost`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

from domain.migration.diagnostic import Severity
from domain.migration.trace import RowCounts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, SHARE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    TABLES,
    USERS,
    changed,
    codes,
    column,
    revision,
    step,
    table,
    updated,
)


def test_truncate_loses_values() -> None:
    """TRUNCATE is instant, but the rows are gone: a downgrade that refuses does not bring them back."""
    truncate = step("TRUNCATE users", 1, EXCLUSIVE, rewritten=(USERS,))
    assert codes(revision(truncate)) == {"lossy-downgrade": "error", "values-lost": "error"}
    refused = replace(revision(truncate), downgrade=(), downgrade_error="NotImplementedError: gone", restored=None)
    assert codes(refused) == {"lossy-downgrade": "warning", "values-lost": "error"}
    contract = replace(refused, docstring="Empty the users\n\nPhase: contract")
    assert codes(contract) == {"lossy-downgrade": "warning", "values-lost": "warning"}


def test_a_column_that_is_made_anew_has_lost_its_values() -> None:
    """The code finds the column, and nothing in it, unless the revision writes it again."""
    drop = step("ALTER TABLE users DROP COLUMN name", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    add = step("ALTER TABLE users ADD COLUMN name text", 1)
    refused: dict[str, Any] = {"downgrade": (), "downgrade_error": "NotImplementedError: gone", "restored": None}
    trace = revision(drop, add, **refused)
    assert codes(trace)["values-lost"] == "error"
    assert "ADD COLUMN name_new text" in str(diagnostic(trace, "values-lost").fix)
    assert "values-lost" not in codes(revision(drop, add, step("UPDATE users", rows=updated()), **refused))


def test_a_table_that_is_swapped_for_its_copy_has_lost_nothing() -> None:
    """DROP and RENAME of a copy that was filled first leave the values; CREATE anew does not."""
    copy = step("INSERT INTO users_new SELECT * FROM users", rows={"public.users_new": RowCounts(inserted=2000)})
    drop = step("DROP TABLE users", 1, dropped=changed("table", USERS))
    refused: dict[str, Any] = {"downgrade": (), "downgrade_error": "NotImplementedError: gone", "restored": None}
    assert "values-lost" not in codes(revision(copy, drop, step("ALTER TABLE users_new RENAME TO users"), **refused))
    assert codes(revision(drop, step("CREATE TABLE users ()"), **refused))["values-lost"] == "error"


def test_a_copy_that_nobody_guards_loses_what_others_write_meanwhile() -> None:
    """Rows that come between the copy and the drop are in neither, unless writes wait or a trigger writes both."""
    copy = step("INSERT INTO new", scanned={USERS: 2000}, rows={"public.new": RowCounts(inserted=2000)})
    drop = step("DROP TABLE users", 1, EXCLUSIVE, dropped=changed("table", USERS))
    refused: dict[str, Any] = {"downgrade": (), "downgrade_error": "NotImplementedError: gone", "restored": None}
    found = diagnostic(revision(copy, drop, **refused), "values-lost")
    assert (found.severity, found.statement) == (Severity.ERROR, 1)
    assert "what others write to public.users in between is lost" in found.message
    trigger = step("CREATE TRIGGER both AFTER INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION both()", 1)
    for first in (step("LOCK TABLE users IN SHARE MODE", 1, SHARE), trigger):
        assert "values-lost" not in codes(revision(first, copy, drop, **refused))
    assert "values-lost" not in codes(revision(copy, drop, tables={ORDERS: TABLES[ORDERS]}, **refused))


def test_a_new_column_under_the_name_of_one_that_was_renamed() -> None:
    """The code finds the name, and NULL: the values are in a column that it does not know."""
    after = {**BASE, **column(f"{USERS}.name_old")}
    swap = (
        step("ALTER TABLE users ADD COLUMN name_new text", 1),
        step("ALTER TABLE users RENAME name TO name_old", 1),
        step('ALTER TABLE users RENAME COLUMN name_new TO "name"', 1),
    )
    assert codes(revision(*swap, after=after)) == {"values-lost": "error"}
    assert diagnostic(revision(*swap, after=after), "values-lost").statement == 1
    filled = step("UPDATE users SET name_new = name", None, rows=updated(), count=10)
    assert codes(revision(swap[0], filled, *swap[1:], after=after)) == {}
    before = {**BASE, **column(f"{USERS}.name_new")}
    assert "values-lost" not in codes(revision(*swap[1:], before=before, after=after))


def test_a_new_table_under_the_name_of_one_that_was_renamed() -> None:
    """The code finds the name, and no rows; as a partition of the new table, the old one keeps them readable."""
    swap = step("ALTER TABLE users RENAME TO users_2025", 1), step("CREATE TABLE users (LIKE users_2025)", 1)
    assert codes(revision(*swap, after={**BASE, **table("public.users_2025")})) == {"values-lost": "error"}
    assert codes(revision(*swap, after={**BASE, **table("public.users_2025", parents=(USERS,))})) == {}
