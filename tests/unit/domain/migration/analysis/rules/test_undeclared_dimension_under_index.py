"""The rule `undeclared-dimension-under-index`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, HNSW
from tests.unit.domain.migration.traces import BASE, codes, column, revision, step, without


def test_undeclared_dimension_under_index() -> None:
    """The column takes any vector now, its index does not."""
    before = {**BASE, **column(EMBEDDING, "vector(3)"), **HNSW}
    after = {**BASE, **column(EMBEDDING, "vector"), **HNSW}
    assert codes(revision(step("ALTER"), before=before, after=after)) == {"undeclared-dimension-under-index": "error"}
    bare = without(before, "public.ix"), without(after, "public.ix")
    assert codes(revision(step("ALTER"), before=bare[0], after=bare[1])) == {}
