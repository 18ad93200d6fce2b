"""The rule `short-timeout-around-concurrent-build`: where it speaks, and where it does not."""

from dataclasses import replace

from tests.unit.domain.migration.analysis.rules.shared import IX, LIGHT
from tests.unit.domain.migration.traces import codes, revision, step


def test_short_timeout_around_concurrent_build() -> None:
    """A concurrent build waits for older transactions, and a lock_timeout of 2 seconds kills it."""
    build = step("CREATE INDEX CONCURRENTLY ix ON users (email)", None, LIGHT, indexes_built=("public.ix",))
    short = replace(build, lock_timeout="500ms")
    assert codes(revision(short, after=IX)) == {"short-timeout-around-concurrent-build": "warning"}
    for patient in ("0", "5min"):
        assert codes(revision(replace(build, lock_timeout=patient), after=IX)) == {}
