"""The rule `index-build-exceeds-memory`: where it speaks, and where it does not."""

import re
from datetime import UTC, datetime

import pytest

from domain.migration.statistics import Statistics, TableStatistics, Target
from tests.unit.domain.migration.analysis.rules.shared import EMBEDDING, HNSW, LIGHT, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    codes,
    column,
    index,
    revision,
    step,
    without,
)


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


AFTER = {**BASE, **column(EMBEDDING, "public.vector(768)"), **HNSW}


def at(rows: int, memory: int | None = 64 * 1024**2) -> Statistics:
    """A target with that many users."""
    target = Target("shop", "18.4", datetime(2026, 1, 1, tzinfo=UTC), maintenance_work_mem=memory)
    return Statistics({USERS: TableStatistics(rows)}, target)


def test_the_graph_that_just_fits() -> None:
    """One row more does not."""
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    trace = revision(build, after=AFTER)
    known = diagnostic(trace, "index-build-exceeds-memory", at(1_000_000))
    fitting = int(str(re.search(r"about ([\d,]+) of its", known.message)[1]).replace(",", ""))  # type: ignore[index]
    assert codes(trace, at(fitting)) == {}
    assert codes(trace, at(fitting + 1)) == {"index-build-exceeds-memory": "warning"}


def test_memory_is_set_where_the_build_finds_it() -> None:
    """Around it in its session, concurrently where it is not so yet; how much is known where the rows are."""
    within = step("CREATE INDEX ix ON users", 1, indexes_built=("public.ix",))
    fix = str(diagnostic(revision(within, after=AFTER), "index-build-exceeds-memory").fix)
    texts = (
        "SET maintenance_work_mem = '1GB'",
        "CREATE INDEX CONCURRENTLY ix ",
        "RESET maintenance_work_mem",
        "def down",
    )
    assert sorted(texts, key=fix.index) == [*texts]
    rebuild = step("REINDEX INDEX ix", 1, indexes_built=("public.ix",))
    fix = str(diagnostic(revision(rebuild, before=AFTER, after=AFTER), "index-build-exceeds-memory").fix)
    assert "REINDEX INDEX CONCURRENTLY public.ix" in fix
    alone = step("CREATE INDEX CONCURRENTLY ix ON users", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    fix = str(diagnostic(revision(alone, after=AFTER), "index-build-exceeds-memory", at(100_000)).fix)
    assert "RESET maintenance_work_mem" in fix
    assert "LOCAL" not in fix
    assert "1GB" not in fix


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        (column(EMBEDDING, "public.vector"), False),
        (column(EMBEDDING, "text"), False),
        (column(f"{ORDERS}.embedding", "public.vector(768)"), False),
        (index("ix", USERS, "ivfflat (embedding vector_l2_ops)"), False),
        (index("ix", USERS, "hnsw (((embedding)::halfvec(768)) halfvec_l2_ops)"), True),
    ],
)
def test_only_the_graph_of_known_dimensions(objects: Objects, said: bool) -> None:
    """Of HNSW, on a column or an expression of a declared size."""
    after = {**BASE, **HNSW, **objects}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    trace = revision(build, before=without(after, "public.ix"), after=after)
    assert ("index-build-exceeds-memory" in codes(trace)) is said


def test_links_of_the_graph_take_room() -> None:
    """Twice as many take more bytes a row."""
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    sizes = []
    for options in ("", " WITH (m='16')", " WITH (m='32')"):
        after = {**AFTER, **index("ix", USERS, f"hnsw (embedding vector_l2_ops){options}")}
        message = diagnostic(revision(build, after=after), "index-build-exceeds-memory").message
        sizes.append(int(message.partition("takes about ")[2].partition(" bytes")[0].replace(",", "")))
    assert sizes[0] == sizes[1] < sizes[2]
