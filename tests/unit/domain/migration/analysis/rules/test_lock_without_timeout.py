"""The rule `lock-without-timeout`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, LIGHT
from tests.unit.domain.migration.traces import codes, revision, step


def test_lock_without_timeout() -> None:
    """A lock that may be waited for without end is worth a note."""
    assert codes(revision(step("ALTER", 1, EXCLUSIVE, lock_timeout="0"))) == {"lock-without-timeout": "note"}
    assert codes(revision(step("ALTER", 1, LIGHT, lock_timeout="0"))) == {}
