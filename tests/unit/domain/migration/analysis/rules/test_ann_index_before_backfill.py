"""The rule `ann-index-before-backfill`: where it speaks, and where it does not."""

import pytest

from domain.migration.trace import RowCounts, TableFacts
from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, HNSW, LIGHT
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step, updated


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


@pytest.mark.parametrize(("rows", "wrong"), [(1000, True), (999, False)])
def test_half_of_the_rows_are_most(rows: int, wrong: bool) -> None:
    """Fewer find their places one by one as well, but nobody waits long for that."""
    before = {**BASE, **column(EMBEDDING, "vector(3)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    for counts in (RowCounts(updated=rows), RowCounts(inserted=rows)):
        fill = step("UPDATE users SET embedding", None, rows={USERS: counts}, count=4)
        trace = revision(build, fill, before=before, after={**before, **HNSW})
        assert ("ann-index-before-backfill" in codes(trace)) is wrong


def test_an_empty_table_without_writes_is_filled_by_nobody() -> None:
    """No row is written after the build, and half of none is none."""
    before = {**BASE, **column(EMBEDDING, "vector(3)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    trace = revision(build, before=before, after={**before, **HNSW}, tables={USERS: TableFacts(0, 0)})
    assert "ann-index-before-backfill" not in codes(trace)
