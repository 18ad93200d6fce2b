"""The rule `index-build-exceeds-memory`: where it speaks, and where it does not."""

from datetime import UTC, datetime

from domain.migration.statistics import Statistics, TableStatistics, Target
from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, LIGHT
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, index, revision, step


def test_index_build_exceeds_memory() -> None:
    """A vector of 768 dimensions takes 3.5 kB in the graph: 64 MB hold some 19,000 of them."""
    after = {**BASE, **column(EMBEDDING, "public.vector(768)"), **index("ix", USERS, "hnsw (embedding vector_l2_ops)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    chosen = step("SET maintenance_work_mem = '2GB'", None)
    trace, prepared = revision(build, after=after), revision(chosen, build, after=after)

    def known(rows: int) -> Statistics:
        target = Target("shop", "18.4", datetime(2026, 1, 1, tzinfo=UTC), maintenance_work_mem=64 * 1024**2)
        return Statistics({USERS: TableStatistics(rows)}, target)

    assert codes(trace) == {"index-build-exceeds-memory": "note"}
    assert codes(trace, known(100_000)) == {"index-build-exceeds-memory": "warning"}
    assert codes(trace, known(10_000)) == {}
    assert codes(prepared) == {}
    assert codes(prepared, known(100_000)) == {}
