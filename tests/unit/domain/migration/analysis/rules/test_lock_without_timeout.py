"""The rule `lock-without-timeout`: where it speaks, and where it does not."""

from domain.migration.locks import LockMode
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, LIGHT, diagnostic
from tests.unit.domain.migration.traces import BASE, codes, revision, step


def test_lock_without_timeout() -> None:
    """A lock that may be waited for without end is worth a note."""
    assert codes(revision(step("ALTER", 1, EXCLUSIVE, lock_timeout="0"))) == {"lock-without-timeout": "note"}
    assert codes(revision(step("ALTER", 1, LIGHT, lock_timeout="0"))) == {}


def test_a_lock_on_a_view() -> None:
    """Readers of a view queue behind a statement that waits for it, as those of a table do."""
    before = {**BASE, ("view", "public.recent"): {"kind": "view"}}
    replaced = step("CREATE OR REPLACE VIEW", 1, locks={"public.recent": LockMode.ACCESS_EXCLUSIVE}, lock_timeout="0")
    found = diagnostic(revision(replaced, before=before, after=before), "lock-without-timeout")
    assert found.relation == "public.recent"


def test_a_timeout_is_set_where_the_statement_finds_it() -> None:
    """In its transaction, or around it in its session."""
    within = diagnostic(revision(step("ALTER", 1, EXCLUSIVE, lock_timeout="0")), "lock-without-timeout")
    assert within.fix == "op.execute(\"SET LOCAL lock_timeout = '2s'\")\n"
    alone = diagnostic(revision(step("ALTER", None, EXCLUSIVE, lock_timeout="0")), "lock-without-timeout")
    assert "RESET lock_timeout" in str(alone.fix)
