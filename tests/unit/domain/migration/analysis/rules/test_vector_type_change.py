"""The rule `vector-type-change`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step


def test_vector_type_change() -> None:
    """Another vector type rewrites the table; a rewrite for it is told by this rule alone."""
    before = {**BASE, **column(EMBEDDING, "public.vector(64)")}
    after = {**BASE, **column(EMBEDDING, "public.halfvec(64)")}
    alter = step("ALTER TABLE users ALTER COLUMN embedding TYPE …", 1, EXCLUSIVE, rewritten=(USERS,))
    trace = revision(alter, before=before, after=after)
    assert codes(trace) == {"vector-type-change": "error"}
    assert "ADD COLUMN embedding_new public.halfvec(64)" in str(diagnostic(trace, "vector-type-change").fix)
