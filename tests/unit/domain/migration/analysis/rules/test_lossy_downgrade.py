"""The rule `lossy-downgrade`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.trace import RowCounts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE
from tests.unit.domain.migration.traces import BASE, USERS, changed, codes, revision, step, updated, without


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
