"""The rule `ann-options-without-reindex`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, HNSW, LIGHT
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, index, revision, step


def test_ann_options_without_reindex() -> None:
    """SET (m = …) has no effect until a REINDEX."""
    before = {**BASE, **column(EMBEDDING, "vector(3)"), **HNSW}
    after = {**before, **index("ix", USERS, "hnsw (embedding vector_l2_ops)", options=("m=24",))}
    alter = step("ALTER INDEX ix SET (m = 24)")
    assert codes(revision(alter, before=before, after=after)) == {"ann-options-without-reindex": "warning"}
    again = step("REINDEX INDEX CONCURRENTLY ix", None, LIGHT, lock_timeout="0")
    assert codes(revision(alter, again, before=before, after=after)) == {}
