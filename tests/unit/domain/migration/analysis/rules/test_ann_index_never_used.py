"""The rule `ann-index-never-used`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, index, revision, step


def test_ann_index_never_used() -> None:
    """No vector is NULL, and nothing is false: the index stays empty. A condition that can hold is fine."""
    build = step("SELECT 1")
    for condition, wrong in (
        ("(embedding IS NULL)", True),
        ("((email = 'a'::text) AND (embedding IS NULL))", True),
        ("false", True),
        ("((email = 'a'::text) OR (embedding IS NULL))", False),
        ("(name IS NULL)", False),
        ("(embedding IS NOT NULL)", False),
    ):
        definition = f"hnsw (embedding public.vector_l2_ops) WHERE {condition}"
        after = {**BASE, **column(EMBEDDING, "public.vector(3)"), **index("ix", USERS, definition, predicate=condition)}
        before = {**BASE, **column(EMBEDDING, "public.vector(3)")}
        assert codes(revision(build, before=before, after=after)) == (
            {"ann-index-never-used": "error"} if wrong else {}
        )


def test_other_indexes_may_want_null() -> None:
    """A B-tree on the rows without a value serves queries for them; and an ANN index without a condition holds all."""
    before = {**BASE, **column(EMBEDDING, "public.vector(3)")}
    for new in (
        index("ix", USERS, "btree (email) WHERE (email IS NULL)", predicate="(email IS NULL)"),
        index("ix", USERS, "btree (email) WHERE false", predicate="false"),
        index("ix", USERS, "hnsw (embedding public.vector_l2_ops)"),
    ):
        trace = revision(step("SELECT 1"), before=before, after={**before, **new})
        assert "ann-index-never-used" not in codes(trace)
