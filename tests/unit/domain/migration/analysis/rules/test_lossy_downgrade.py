"""The rule `lossy-downgrade`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Severity
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.statistics import Statistics
from domain.migration.trace import MERGED, RevisionTrace, RowCounts, TableFacts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
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
    updated,
    without,
)


def test_lossy_downgrade() -> None:
    """A dropped column comes back empty, unless the downgrade writes its values."""
    drop = step("ALTER TABLE users DROP COLUMN name", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    trace = revision(drop, after=without(BASE, f"{USERS}.name"))
    assert codes(trace)["lossy-downgrade"] == "error"
    copied = replace(trace, downgrade=(step("UPDATE users SET name = …", rows=updated()),))
    assert "lossy-downgrade" not in codes(copied)


def test_downgrade_that_deletes() -> None:
    """A downgrade may delete what the upgrade inserted, and nothing else."""
    insert = step("INSERT", rows={USERS: RowCounts(inserted=5)})
    five, six = (step("DELETE", rows={USERS: RowCounts(deleted=rows)}) for rows in (5, 6))
    assert codes(revision(insert, downgrade=(five,))) == {}
    assert codes(revision(insert, downgrade=(six,))) == {"lossy-downgrade": "error"}


DROP_NAME = step("ALTER TABLE users DROP COLUMN name", dropped=changed("table column", f"{USERS}.name"))
NO_NAME = without(BASE, f"{USERS}.name")


def lost(trace: RevisionTrace) -> list[str]:
    """What the rule says is lost, without the words around it."""
    found = [one for one in judge(trace, Statistics.unknown(), all_rules()) if one.code == "lossy-downgrade"]
    return [one.message.removeprefix("The values of ").partition(" are lost")[0] for one in found]


def test_a_dropped_table_comes_back_with_half_its_rows_at_least() -> None:
    """Fewer are a loss of the table."""
    drop = step("DROP TABLE users", dropped=changed("table", USERS))
    for rows, said in ((1000, []), (999, [f"the table {USERS}"])):
        undo = step("INSERT INTO users", rows={USERS: RowCounts(inserted=rows)})
        assert lost(revision(drop, downgrade=(undo,))) == said


def test_deleted_rows_come_back_or_are_counted() -> None:
    """As many must be inserted as were deleted."""
    delete = step("DELETE FROM users", rows={USERS: RowCounts(deleted=5)})
    for rows, said in ((5, []), (4, [f"5 rows of {USERS}"])):
        undo = step("INSERT INTO users", rows={USERS: RowCounts(inserted=rows)})
        assert lost(revision(delete, downgrade=(undo,))) == said


def test_a_dropped_column_is_filled_in_half_the_rows_at_least() -> None:
    """By UPDATE, or with rows that are inserted; all columns of a table are said at once."""
    drop = step(
        "ALTER TABLE users DROP COLUMN name, DROP COLUMN email",
        dropped=(*changed("table column", f"{USERS}.name"), *changed("table column", f"{USERS}.email")),
    )
    for counts, said in (
        (RowCounts(updated=1000), []),
        (RowCounts(inserted=600, updated=400), []),
        (RowCounts(updated=999), [f"{USERS}.email, {USERS}.name"]),
    ):
        undo = step("UPDATE users", rows={USERS: counts})
        assert lost(revision(drop, downgrade=(undo,))) == said


def test_a_dropped_column_of_another_table_or_a_computed_one_is_not_said() -> None:
    """What is computed has no values of its own, and each table has its own columns."""
    computed = {**BASE, **column(f"{USERS}.name", generated="stored")}
    assert lost(revision(DROP_NAME)) == [f"{USERS}.name"]
    assert lost(revision(DROP_NAME, before=computed)) == []
    assert lost(revision(DROP_NAME, tables={ORDERS: TABLES[ORDERS]})) == []


def test_a_table_without_rows_loses_nothing() -> None:
    """There was nothing to bring back."""
    drop = step("DROP TABLE users", dropped=changed("table", USERS))
    assert lost(revision(drop, tables={USERS: TableFacts(0, 0)})) == []


def test_a_downgrade_that_empties_a_table() -> None:
    """It may delete as many rows as the upgrade inserted; TRUNCATE spares none."""
    insert = step("INSERT INTO users", rows={USERS: RowCounts(inserted=5)})
    said = [f"rows of {USERS}, which the downgrade deletes"]
    assert lost(revision(insert, downgrade=(step("TRUNCATE users", rewritten=(USERS,)),))) == said
    assert lost(revision(step("SELECT 1"), downgrade=(step("DELETE", rows={USERS: RowCounts(deleted=1)}),))) == said
    drop = step("DROP TABLE users", dropped=changed("table", USERS))
    undo = step("INSERT INTO users", rows={USERS: RowCounts(inserted=2000, deleted=10)})
    assert lost(revision(drop, downgrade=(undo,))) == []


def test_a_downgrade_that_fails_by_accident_is_not_said_to_lose_values() -> None:
    """That it fails is said by another rule; without a downgrade or an upgrade there is nothing to say."""
    failed: dict[str, Any] = {"downgrade_error": "NameError: x", "restored": None}
    assert lost(revision(DROP_NAME, **failed)) == []
    assert lost(revision(DROP_NAME, downgrade=None)) == []
    assert lost(replace(revision(DROP_NAME), after=None)) == []


def measured(change: DataChange, **more: Any) -> RevisionTrace:
    """A revision whose rows were compared."""
    return revision(step("UPDATE users SET name = 'x'", rows=updated()), undone=DataDifference((change,)), **more)


NAME_CHANGED = DataChange(f"{USERS}.name", DataChangeKind.VALUES_CHANGED, 3)


def test_what_the_rows_have_lost_is_said_instead_of_what_statements_show() -> None:
    """With the table, and with the declaration that accepts it."""
    gone = DataChange(f"{USERS}.name", DataChangeKind.COLUMN_GONE)
    said = diagnostic(measured(gone), "lossy-downgrade")
    assert (said.severity, said.relation) == (Severity.ERROR, USERS)
    assert said.fix == f'lossy_downgrade = {{"{USERS}.name": "why nobody needs it"}}\n'
    whole = diagnostic(measured(DataChange(USERS, DataChangeKind.ROWS_GONE, 3)), "lossy-downgrade")
    assert whole.relation == USERS
    assert "lossy-downgrade" not in codes(revision(DROP_NAME, undone=DataDifference()))


def test_all_losses_are_proposed_as_one_declaration() -> None:
    """A second line of the same name would replace the first; what the revision declares already stays in it."""
    changes = (
        DataChange(f"{USERS}.name", DataChangeKind.COLUMN_GONE),
        DataChange(f"{USERS}.note", DataChangeKind.COLUMN_GONE),
    )
    trace = replace(measured(changes[0], lossy_downgrade={f"{USERS}.old": "kept"}), undone=DataDifference(changes))
    diagnostics = judge(trace, Statistics.unknown(), all_rules())
    fixes = {item.fix for item in diagnostics if item.code == "lossy-downgrade"}
    reasons = f'"{USERS}.old": "kept", "{USERS}.name": "why nobody needs it"'
    assert fixes == {f'lossy_downgrade = {{{reasons}, "{USERS}.note": "why nobody needs it"}}\n'}


def test_a_declared_loss_is_suppressed() -> None:
    """With its reason; an empty one is none."""
    for reason, suppressed in (("nobody wants it", "nobody wants it"), ("", None)):
        trace = measured(NAME_CHANGED, lossy_downgrade={f"{USERS}.name": reason})
        assert diagnostic(trace, "lossy-downgrade").suppressed_reason == suppressed


def test_a_value_that_an_update_overwrote_is_a_warning() -> None:
    """It may have been meant to be; not where the downgrade itself wrote the table, or the column has another type."""
    assert diagnostic(measured(NAME_CHANGED), "lossy-downgrade").severity is Severity.WARNING
    wrote = step("UPDATE users SET name = 'y'", rows=updated())
    again = step("ALTER TABLE users ALTER name TYPE text", rewritten=(USERS,))
    other = step("ALTER TABLE users ALTER email TYPE text", rewritten=(USERS,))
    elsewhere = step("UPDATE orders SET name = 'y'", rows={ORDERS: RowCounts(updated=1)}, rewritten=(ORDERS,))
    for undo, severity in (
        (wrote, Severity.ERROR),
        (again, Severity.ERROR),
        (other, Severity.WARNING),
        (elsewhere, Severity.WARNING),
    ):
        assert diagnostic(measured(NAME_CHANGED, downgrade=(undo,)), "lossy-downgrade").severity is severity
    typed = {**BASE, **column(f"{USERS}.name", "integer")}
    assert diagnostic(measured(NAME_CHANGED, after=typed), "lossy-downgrade").severity is Severity.ERROR


def test_a_loss_in_rows_that_perhaps_nobody_has_says_so() -> None:
    """It is a warning even where the downgrade writes the table."""
    wrote = step("UPDATE users SET name = 'y'", rows=updated())
    merged = diagnostic(
        measured(NAME_CHANGED, downgrade=(wrote,), merged=frozenset({f"{USERS}.name"})), "lossy-downgrade"
    )
    plain = diagnostic(measured(NAME_CHANGED, downgrade=(wrote,)), "lossy-downgrade")
    assert (merged.severity, plain.severity) == (Severity.WARNING, Severity.ERROR)
    assert MERGED[1:] in merged.message
    assert MERGED[1:] not in plain.message


def test_a_time_that_a_trigger_writes_is_nobodys_value() -> None:
    """A column in which a trigger was measured to keep the time of an UPDATE is no loss; any other is."""
    assert codes(measured(NAME_CHANGED, stamped=frozenset({f"{USERS}.name"}))) == {"unbatched-write": "error"}
    assert "lossy-downgrade" in codes(measured(NAME_CHANGED, stamped=frozenset({f"{USERS}.email"})))
