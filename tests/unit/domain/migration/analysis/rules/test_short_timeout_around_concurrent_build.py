"""The rule `short-timeout-around-concurrent-build`: where it speaks, and where it does not."""

from dataclasses import replace

import pytest

from tests.unit.domain.migration.analysis.rules.shared import IX, LIGHT, diagnostic
from tests.unit.domain.migration.traces import USERS, codes, revision, step


def test_short_timeout_around_concurrent_build() -> None:
    """A concurrent build waits for older transactions, and a lock_timeout of 2 seconds kills it."""
    build = step("CREATE INDEX CONCURRENTLY ix ON users (email)", None, LIGHT, indexes_built=("public.ix",))
    short = replace(build, lock_timeout="500ms")
    assert codes(revision(short, after=IX)) == {"short-timeout-around-concurrent-build": "warning"}
    for patient in ("0", "5min"):
        assert codes(revision(replace(build, lock_timeout=patient), after=IX)) == {}


@pytest.mark.parametrize(
    ("timeout", "short"),
    [("1ms", True), ("2s", True), ("0", False), ("0ms", False), ("1h", False), ("", False), ("500", True)],
)
def test_how_long_a_build_may_wait(timeout: str, short: bool) -> None:
    """0 is for ever, and a bare figure is milliseconds; the table is one that was there before."""
    locks = {"public.new": LIGHT, USERS: LIGHT}
    sql = "CREATE INDEX CONCURRENTLY ix ON users (email)"
    build = step(sql, None, locks=locks, indexes_built=("public.ix",), lock_timeout=timeout)
    trace = revision(build, after=IX)
    assert ("short-timeout-around-concurrent-build" in codes(trace)) is short
    assert not short or diagnostic(trace, "short-timeout-around-concurrent-build").relation == USERS
    within = revision(replace(build, transaction=1), after=IX)
    assert "short-timeout-around-concurrent-build" not in codes(within)
    other = revision(replace(build, sql="DROP INDEX CONCURRENTLY ix"), after=IX)
    assert "short-timeout-around-concurrent-build" not in codes(other)
