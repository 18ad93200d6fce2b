"""The rule `ivfflat-on-empty-table`: where it speaks, and where it does not."""

from typing import Any

from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RowCounts, StatementTrace
from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, LIGHT, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    TABLES,
    USERS,
    codes,
    column,
    index,
    revision,
    step,
    table,
    updated,
)


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


IVFFLAT = index("ix", USERS, "ivfflat (embedding vector_l2_ops) WITH (lists='1')")
FILLED = {**BASE, **column(EMBEDDING, "vector(3)")}
BUILD_ON = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")


def speaks(*upgrade: StatementTrace, statistics: Statistics | None = None, **more: Any) -> bool:
    """Whether the rule does."""
    facts = {"before": FILLED, "after": {**FILLED, **IVFFLAT}, **more}
    return "ivfflat-on-empty-table" in codes(revision(*upgrade, BUILD_ON, **facts), statistics)


def test_what_leaves_no_vector_for_the_build() -> None:
    """A table that was emptied before, or is empty at the target; not one that was filled again."""
    truncate = step("TRUNCATE users", rewritten=(USERS,))
    insert = step("INSERT INTO users", rows={USERS: RowCounts(inserted=5)})
    assert not speaks()
    assert speaks(truncate)
    assert not speaks(truncate, insert)
    assert speaks(statistics=Statistics({USERS: TableStatistics(rows=0)}))
    assert not speaks(statistics=Statistics({USERS: TableStatistics(rows=5)}))
    assert not speaks(after={**FILLED, **index("ix", USERS, "hnsw (embedding vector_l2_ops)")}, before=FILLED)


def test_a_new_column_that_was_filled_has_vectors() -> None:
    """An UPDATE before the build gives them; one of another table, or a new column beside it, does not matter."""
    update = step("UPDATE users SET embedding", None, rows=updated(), count=4)
    elsewhere = step("UPDATE orders", None, rows={ORDERS: RowCounts(updated=5)}, count=4)
    assert speaks(before=BASE)
    assert not speaks(update, before=BASE)
    assert speaks(elsewhere, before=BASE)
    assert not speaks(after={**FILLED, **IVFFLAT, **column(f"{USERS}.other")})
    assert not speaks(after={**FILLED, **IVFFLAT, **column(f"{ORDERS}.embedding")})


def test_the_code_builds_hnsw_with_the_same_operators() -> None:
    """IVFFlat has a class by default and HNSW none, so that it is named; a new table needs no block."""
    plain = index("ix", USERS, "ivfflat (embedding) WITH (lists='1')", opclass=("vector_cosine_ops",))
    trace = revision(BUILD_ON, before=BASE, after={**FILLED, **plain})
    fix = str(diagnostic(trace, "ivfflat-on-empty-table").fix)
    assert "USING hnsw (embedding vector_cosine_ops)" in fix
    assert "autocommit_block" in fix
    named = revision(BUILD_ON, before=BASE, after={**FILLED, **IVFFLAT})
    assert "USING hnsw (embedding vector_l2_ops)" in str(diagnostic(named, "ivfflat-on-empty-table").fix)
    bare = index("ix", USERS, "ivfflat (embedding)", opclass=())
    trace = revision(BUILD_ON, before=BASE, after={**FILLED, **bare}, tables={ORDERS: TABLES[ORDERS]})
    fix = str(diagnostic(trace, "ivfflat-on-empty-table").fix)
    assert fix == 'op.execute("CREATE INDEX ix ON public.users USING hnsw (embedding vector_l2_ops)")\n'
