"""The rule `undeclared-dimension-under-index`: where it speaks, and where it does not."""

import pytest

from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, HNSW
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, codes, column, index, revision, step, without


def test_undeclared_dimension_under_index() -> None:
    """The column takes any vector now, its index does not."""
    before = {**BASE, **column(EMBEDDING, "vector(3)"), **HNSW}
    after = {**BASE, **column(EMBEDDING, "vector"), **HNSW}
    assert codes(revision(step("ALTER"), before=before, after=after)) == {"undeclared-dimension-under-index": "error"}
    bare = without(before, "public.ix"), without(after, "public.ix")
    assert codes(revision(step("ALTER"), before=bare[0], after=bare[1])) == {}


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("vector(3)", "vector", True),
        ("vector(3)", "vector(4)", False),
        ("vector", "vector", False),
        ("vector", "vector(3)", False),
        ("text", "vector", False),
        ("vector(3)", "text", False),
    ],
)
def test_only_dimensions_that_were_declared_can_be_lost(before: str, after: str, wrong: bool) -> None:
    """The column is of a vector type before and after, and has no dimensions any more."""
    was, now = ({**BASE, **column(EMBEDDING, kind), **HNSW} for kind in (before, after))
    trace = revision(step("ALTER"), before=was, after=now)
    assert ("undeclared-dimension-under-index" in codes(trace)) is wrong


def test_only_ann_indexes_on_that_column_count() -> None:
    """Not one of another kind, of another column, or of a column of the same name in another table."""
    for other in (
        index("ix", USERS, "btree (embedding)"),
        index("ix", USERS, "hnsw (email vector_l2_ops)"),
        index("ix", ORDERS, "hnsw (embedding vector_l2_ops)"),
    ):
        before = {**BASE, **column(EMBEDDING, "vector(3)"), **other}
        after = {**BASE, **column(EMBEDDING, "vector"), **other}
        assert codes(revision(step("ALTER"), before=before, after=after)) == {}
