"""The rule `extension-with-known-defects`: where it speaks, and where it does not."""

from datetime import UTC, datetime

from domain.migration.statistics import Extension, Statistics, TableStatistics, Target
from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, HNSW, LIGHT
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step


def test_extension_with_known_defects() -> None:
    """What counts is the version at the target, where it is known."""
    after = {**BASE, **column(EMBEDDING, "vector(3)"), **HNSW, ("extension", "vector"): {"version": "0.8.5"}}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    for installed, wrong in (("0.8.1", True), ("0.8.4", False), (None, False)):
        target = Target("shop", "18.4", datetime(2026, 1, 1, tzinfo=UTC), extensions={"vector": Extension(installed)})
        found = codes(revision(build, after=after), Statistics({USERS: TableStatistics(2000)}, target))
        assert ("extension-with-known-defects" in found) is wrong
