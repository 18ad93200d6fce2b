"""The rule `ivfflat-on-empty-table`: where it speaks, and where it does not."""

from domain.migration.trace import RowCounts
from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, LIGHT
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, index, revision, step, table


def test_ivfflat_on_empty_table() -> None:
    """Lists of an index that was built on no vectors mean nothing."""
    fresh = {**BASE, **table("public.items", "id"), **column("public.items.embedding", "vector(3)")}
    after = {**fresh, **index("ix", "public.items", "ivfflat (embedding vector_l2_ops) WITH (lists='1')")}
    build = step("CREATE INDEX ix", indexes_built=("public.ix",))
    assert codes(revision(build, after=after)) == {"ivfflat-on-empty-table": "error"}
    fill = step("INSERT INTO items", rows={"public.items": RowCounts(inserted=100)})
    assert codes(revision(fill, build, after=after)) == {}


def test_ivfflat_on_a_new_column() -> None:
    """All values of a new column are NULL, and NULL is not indexed."""
    after = {**BASE, **column(EMBEDDING, "vector(3)"), **index("ix", USERS, "ivfflat (embedding vector_l2_ops)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    assert codes(revision(build, after=after)) == {"ivfflat-on-empty-table": "error"}
    filled = {**BASE, **column(EMBEDDING, "vector(3)")}
    assert codes(revision(build, before=filled, after=after)) == {}
