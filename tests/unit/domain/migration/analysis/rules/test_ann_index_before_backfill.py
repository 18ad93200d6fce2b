"""The rule `ann-index-before-backfill`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, HNSW, LIGHT
from tests.unit.domain.migration.traces import BASE, codes, column, revision, step, updated


def test_ann_index_before_backfill() -> None:
    """Vectors that are written after the build are inserted into the index one by one."""
    before = {**BASE, **column(EMBEDDING, "vector(3)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    fill = step("UPDATE users SET embedding", None, rows=updated(), count=4)
    after = {**before, **HNSW}
    memory = {"index-build-exceeds-memory": "note"}
    expected = {"ann-index-before-backfill": "warning"} | memory
    assert codes(revision(build, fill, before=before, after=after)) == expected
    assert codes(revision(fill, build, before=before, after=after)) == memory
