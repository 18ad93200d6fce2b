"""The rule `lock-without-timeout`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, LIGHT, diagnostic
from tests.unit.domain.migration.traces import codes, revision, step


def test_lock_without_timeout() -> None:
    """A lock that may be waited for without end is worth a note."""
    assert codes(revision(step("ALTER", 1, EXCLUSIVE, lock_timeout="0"))) == {"lock-without-timeout": "note"}
    assert codes(revision(step("ALTER", 1, LIGHT, lock_timeout="0"))) == {}


def test_a_timeout_is_set_where_the_statement_finds_it() -> None:
    """In its transaction, or around it in its session."""
    within = diagnostic(revision(step("ALTER", 1, EXCLUSIVE, lock_timeout="0")), "lock-without-timeout")
    assert within.fix == "op.execute(\"SET LOCAL lock_timeout = '2s'\")\n"
    alone = diagnostic(revision(step("ALTER", None, EXCLUSIVE, lock_timeout="0")), "lock-without-timeout")
    assert "RESET lock_timeout" in str(alone.fix)
