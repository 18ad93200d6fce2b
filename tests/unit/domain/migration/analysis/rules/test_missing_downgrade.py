"""The rule `missing-downgrade`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE
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
