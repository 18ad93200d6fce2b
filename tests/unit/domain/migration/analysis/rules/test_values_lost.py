"""The rule `values-lost`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.rules.values_lost import CODE
from domain.migration.diagnostic import Severity
from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RowCounts, TableFacts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, LIGHT, SHARE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    TABLES,
    USERS,
    changed,
    codes,
    column,
    renamed,
    revision,
    step,
    table,
    updated,
)

NAME = f"{USERS}.name"
NAME_OLD = step("ALTER TABLE users RENAME name TO name_old", 1, renamed=renamed("table column", NAME, f"{NAME}_old"))


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
    assert "values-lost" not in codes(
        revision(copy, drop, step("RENAME", renamed=renamed("table", "public.users_new", USERS)), **refused)
    )
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
        NAME_OLD,
        step("ALTER TABLE users RENAME name_new TO name", renamed=renamed("table column", f"{USERS}.name_new", NAME)),
    )
    assert codes(revision(*swap, after=after)) == {"values-lost": "error"}
    assert diagnostic(revision(*swap, after=after), "values-lost").statement == 1
    filled = step("UPDATE users SET name_new = name", None, rows=updated(), count=10)
    assert codes(revision(swap[0], filled, *swap[1:], after=after)) == {}
    before = {**BASE, **column(f"{USERS}.name_new")}
    assert "values-lost" not in codes(revision(*swap[1:], before=before, after=after))


def test_a_new_table_under_the_name_of_one_that_was_renamed() -> None:
    """The code finds the name, and no rows; as a partition of the new table, the old one keeps them readable."""
    rename = step("ALTER TABLE users RENAME TO users_2025", 1, renamed=renamed("table", USERS, "public.users_2025"))
    swap = rename, step("CREATE TABLE users (LIKE users_2025)", 1)
    assert codes(revision(*swap, after={**BASE, **table("public.users_2025")})) == {"values-lost": "error"}
    assert codes(revision(*swap, after={**BASE, **table("public.users_2025", parents=(USERS,))})) == {}


REFUSED: dict[str, Any] = {"downgrade": (), "downgrade_error": "NotImplementedError: gone", "restored": None}
DROP_NAME = step("ALTER TABLE users DROP COLUMN name", dropped=changed("table column", f"{USERS}.name"))
ADD_NAME = step("ALTER TABLE users ADD COLUMN name text", created=changed("table column", f"{USERS}.name"))


def test_the_diagnostic_names_the_table_and_the_statement() -> None:
    """That of a column its table, and code that keeps the values; that of a table itself, and no code."""
    lost = diagnostic(revision(step("SELECT 1"), DROP_NAME, ADD_NAME, **REFUSED), "values-lost")
    assert (lost.relation, lost.statement) == (USERS, 1)
    assert 'op.drop_column("users", "name_new")' in str(lost.fix)
    lost = diagnostic(
        revision(step("SELECT 1 FROM users"), step("TRUNCATE users", rewritten=(USERS,)), **REFUSED), "values-lost"
    )
    assert (lost.relation, lost.statement, lost.fix) == (USERS, 1, None)


def test_a_delete_of_all_rows_empties_a_table() -> None:
    """In one statement or in several; while one row is left, the values are not all gone."""
    for counts, lost in (((2000,), True), ((1000, 1000), True), ((1999,), False), ((1000, 999), False)):
        deletes = [step("DELETE FROM users", rows={USERS: RowCounts(deleted=rows)}) for rows in counts]
        assert ("values-lost" in codes(revision(*deletes, **REFUSED))) is lost


def test_columns_that_a_copy_leaves_out_are_lost() -> None:
    """Rows that are copied and deleted keep the columns that the copy has, by name, by type or in a document."""
    copy = step("CREATE TABLE copy AS SELECT …", rows={"public.copy": RowCounts(inserted=2000)})
    delete = step("DELETE FROM users", rows={USERS: RowCounts(deleted=2000)})
    id_column, email, name = (column(f"public.copy.{own}") for own in ("id", "email", "name"))
    for columns, lost in (
        ({**id_column, **email, **name}, None),
        ({**id_column, **email, **column("public.copy.called")}, None),
        ({**id_column, **column("public.copy.whole", "jsonb")}, None),
        ({**id_column, **email}, f"{USERS}.name"),
        ({**id_column, **email, **column("public.copy.called", "integer")}, f"{USERS}.name"),
    ):
        after = {**BASE, ("table", "public.copy"): {}, **columns}
        trace = revision(copy, delete, after=after, **REFUSED)
        messages = [one.message for one in judge(trace, Statistics.unknown(), all_rules()) if one.code == CODE]
        wanted = [f"The upgrade deletes the values of the column {lost}, which exists afterwards but is empty."]
        assert messages == (wanted if lost else [])


def test_half_the_rows_written_again_are_enough() -> None:
    """Values that the revision writes into the new column, or copies into a new table, are not lost."""
    for rows, lost in ((1000, False), (999, True)):
        assert (
            "values-lost" in codes(revision(DROP_NAME, ADD_NAME, step("UPDATE", rows=updated(rows)), **REFUSED))
        ) is lost
        inserted = {"public.copy": RowCounts(inserted=rows)}
        assert ("values-lost" in codes(revision(step("INSERT", rows=inserted), DROP_NAME, ADD_NAME, **REFUSED))) is lost


def test_what_was_written_before_a_column_was_made_anew_is_gone_with_it() -> None:
    """It counts only where the column got its name from another, and nobody added it."""
    write = step("UPDATE users SET name = email", rows=updated())
    assert "values-lost" in codes(revision(write, DROP_NAME, ADD_NAME, **REFUSED))
    assert "values-lost" not in codes(revision(write, DROP_NAME, **REFUSED))


def test_a_column_that_is_computed_loses_nothing() -> None:
    """Its values are computed again."""
    computed = {**BASE, **column(f"{USERS}.name", generated="stored")}
    assert "values-lost" in codes(revision(DROP_NAME, ADD_NAME, **REFUSED))
    assert "values-lost" not in codes(revision(DROP_NAME, ADD_NAME, before=computed, **REFUSED))


def test_a_table_without_rows_loses_nothing() -> None:
    """Neither one that was empty nor one that the sandbox does not know."""
    truncate = step("TRUNCATE users", rewritten=(USERS,))
    for tables in ({USERS: TableFacts(0, 0)}, {ORDERS: TABLES[ORDERS]}):
        assert "values-lost" not in codes(revision(truncate, tables=tables, **REFUSED))


def test_rows_that_another_table_received() -> None:
    """Half of them at least, from a statement that read the table or deleted its rows."""
    delete = step("DELETE FROM users", rows={USERS: RowCounts(deleted=2000)})
    for rows, scanned, moved in ((1000, {USERS: 2000}, True), (999, {USERS: 2000}, False), (1000, {}, False)):
        insert = step("INSERT INTO orders", rows={ORDERS: RowCounts(inserted=rows)}, scanned=scanned)
        message = diagnostic(revision(insert, delete, **REFUSED), CODE).message
        assert message.startswith("The upgrade moves the rows of the table") is moved


COPY = step("INSERT INTO new", scanned={USERS: 2000}, rows={"public.new": RowCounts(inserted=2000)})
DROP_USERS = step("DROP TABLE users", 1, EXCLUSIVE, dropped=changed("table", USERS))


def test_what_becomes_of_a_copied_table_is_named() -> None:
    """A table that is dropped has lost what others wrote to it meanwhile; one that is renamed has it still."""
    renames = (
        step(f"ALTER TABLE {old} RENAME", 1, renamed=renamed("table", old, new))
        for old, new in ((USERS, "public.users_old"), ("public.new", USERS))
    )
    kept = revision(COPY, *renames, after={**BASE, **table("public.users_old")}, **REFUSED)
    dropped = revision(COPY, DROP_USERS, **REFUSED)
    found = [
        one for one in judge(kept, Statistics.unknown(), all_rules()) if one.code == CODE and "copied" in one.message
    ]
    assert [(one.severity, one.relation, one.statement) for one in found] == [(Severity.WARNING, USERS, 1)]
    assert "renames the table that Statement 1" in found[0].message
    assert "drops the table that Statement 1" in diagnostic(dropped, CODE).message


def test_a_lock_guards_a_copy_only_if_it_stops_writes_of_that_table() -> None:
    """A lock on another table does not, nor one under which others write."""
    for locks, lost in (({USERS: SHARE}, False), ({ORDERS: SHARE}, True), ({USERS: LIGHT}, True)):
        lock = step("LOCK TABLE", 1, locks=locks)
        assert ("values-lost" in codes(revision(lock, COPY, DROP_USERS, **REFUSED))) is lost
    assert "values-lost" in codes(revision(step("LOCK", 2, SHARE), replace(COPY, transaction=1), DROP_USERS, **REFUSED))


def test_a_copy_is_of_half_the_rows_at_least_and_into_a_new_table() -> None:
    """Whoever reads fewer, or writes a table that was there, copies nothing that the drop would lose."""
    filled = step("INSERT INTO new", rows={"public.new": RowCounts(inserted=2000)})
    for scanned, rows, lost in (
        (1000, {"public.new": RowCounts(inserted=1000)}, True),
        (999, {"public.new": RowCounts(inserted=999)}, False),
        (2000, {ORDERS: RowCounts(inserted=2000)}, False),
        (2000, {"public.new": RowCounts(updated=2000)}, False),
    ):
        copy = step("INSERT INTO new", scanned={USERS: scanned}, rows=rows)
        assert ("values-lost" in codes(revision(filled, copy, DROP_USERS, **REFUSED))) is lost


def test_a_small_table_is_copied_in_no_time() -> None:
    """At the target it has ten rows."""
    small = Statistics({USERS: TableStatistics(rows=10)})
    assert "values-lost" in codes(revision(COPY, DROP_USERS, **REFUSED))
    assert "values-lost" not in codes(revision(COPY, DROP_USERS, **REFUSED), small)


def test_a_trigger_of_another_table_mirrors_nothing() -> None:
    """It must be on the table that is copied, and be there before the copy is."""
    for name, lost in (("users", False), ("users_old", True), ("orders", True)):
        trigger = step(f"CREATE TRIGGER both AFTER INSERT ON public.{name} FOR EACH ROW EXECUTE FUNCTION both()")
        assert ("values-lost" in codes(revision(trigger, COPY, DROP_USERS, **REFUSED))) is lost


def test_a_column_swapped_for_one_that_is_computed() -> None:
    """Who renames a column and computes the new one of its name has values in it."""
    swap = (
        step("ALTER TABLE users ADD COLUMN name_new text", 1),
        NAME_OLD,
    )
    added = {**BASE, **column(f"{USERS}.name_old")}
    assert "values-lost" in codes(revision(*swap, after=added))
    assert "values-lost" not in codes(revision(*swap, after={**added, **column(f"{USERS}.name", generated="stored")}))


def test_a_rename_in_another_table_is_none_of_this_one() -> None:
    """A new column of the orders is not where the values of the users are."""
    swap = step("RENAME", 1, renamed=renamed("table column", f"{ORDERS}.name", f"{ORDERS}.name_old"))
    assert "values-lost" not in codes(revision(swap, after={**BASE, **column(f"{ORDERS}.name_old")}))


def test_a_column_that_cannot_be_empty_has_other_values() -> None:
    """A key that is replaced by another one is there afterwards, with other values than before."""
    drop = step("ALTER TABLE users DROP COLUMN name", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    rename = step("ALTER TABLE users RENAME key TO name", 1, renamed=renamed("table column", f"{USERS}.key", NAME))
    full = {**BASE, **column(f"{USERS}.name", "uuid", not_null=True)}
    assert diagnostic(revision(drop, rename), "values-lost").message.endswith("exists afterwards but is empty.")
    message = diagnostic(revision(drop, rename, after=full), "values-lost").message
    assert message.endswith("which exists afterwards but has other values.")
