"""The rule `missing-downgrade`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.diagnostic import Severity
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import RowCounts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step


def test_missing_downgrade() -> None:
    """An empty downgrade leaves the schema of the upgrade."""
    after = {**BASE, **column(f"{USERS}.plan")}
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    assert codes(revision(add, after=after, downgrade=(), restored=SchemaSnapshot(after))) == {
        "missing-downgrade": "error"
    }
    assert codes(revision(add, after=after, downgrade=(), downgrade_error="NotImplementedError: no way back")) == {}


def test_an_extension_stays_as_it_was_updated() -> None:
    """Few extensions have a way back to an older version: that it stays is a warning, and can be declared."""
    old, new = ({**BASE, ("extension", "vector"): {"version": version}} for version in ("0.8.0", "0.8.4"))
    update = step("ALTER EXTENSION vector UPDATE", 1)
    trace = replace(revision(update, after=new, downgrade=(), restored=SchemaSnapshot(new)), before=SchemaSnapshot(old))
    assert codes(trace) == {"missing-downgrade": "warning"}


def test_rows_that_stay_are_a_warning() -> None:
    """Of tables that were there before; without a row there is nothing to undo."""
    for rows, expected in (
        ({USERS: RowCounts(inserted=5)}, {"missing-downgrade": "warning"}),
        ({USERS: RowCounts()}, {}),
        ({"public.new": RowCounts(inserted=5)}, {}),
    ):
        assert codes(revision(step("INSERT", rows=rows), downgrade=())) == expected
    stays = diagnostic(revision(step("INSERT", rows={USERS: RowCounts(inserted=5)}), downgrade=()), "missing-downgrade")
    assert (stays.relation, stays.severity) == (USERS, Severity.WARNING)


def test_a_downgrade_that_does_something_or_was_not_run_is_not_missing() -> None:
    """Whatever it leaves is said elsewhere."""
    after = {**BASE, **column(f"{USERS}.plan")}
    for downgrade in (None, (step("SELECT 1"),)):
        trace = revision(step("ADD"), after=after, downgrade=downgrade, restored=SchemaSnapshot(after))
        assert "missing-downgrade" not in codes(trace)
