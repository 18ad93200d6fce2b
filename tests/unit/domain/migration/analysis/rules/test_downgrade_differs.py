"""The rule `downgrade-differs`: where it speaks, and where it does not."""

from domain.migration.snapshot import SchemaSnapshot
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step


def test_downgrade_differs() -> None:
    """A default that the downgrade forgets is another schema; the order of columns is not."""
    other = SchemaSnapshot({**BASE, **column(f"{USERS}.email", default="'x'::text")})
    assert codes(revision(step("ALTER"), restored=other)) == {"downgrade-differs": "error"}
    moved = SchemaSnapshot({**BASE, **column(f"{USERS}.email", position=9)})
    assert codes(revision(step("ALTER"), restored=moved)) == {}
