"""Changes of pgvector columns and of their indexes."""

from typing import Any

from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, Vector
from sqlalchemy import ARRAY, Column, Index, Integer, MetaData, Table, cast, text
from sqlalchemy.types import TypeEngine

from tests.integration.autogenerate.harness import Build, Case

COSINE = {"emb": "vector_cosine_ops"}
HNSW: dict[str, Any] = {"postgresql_using": "hnsw", "postgresql_ops": COSINE}


def table(*items: Any, emb: TypeEngine[Any] | None = None, **options: Any) -> Build:
    """Declare a table `t` with `id`, `y` and the vector `emb`."""

    def build(metadata: MetaData) -> Table:
        columns = [Column("id", Integer, primary_key=True), Column("y", Integer), Column("emb", emb or Vector(384))]
        return Table("t", metadata, *columns, *(item() if callable(item) else item for item in items), **options)

    return build


def plain(*items: Any) -> Build:
    """Declare the same table without the vector."""

    def build(metadata: MetaData) -> Table:
        made = [item() if callable(item) else item for item in items]
        return Table("t", metadata, Column("id", Integer, primary_key=True), Column("y", Integer), *made)

    return build


def index(*items: Any, name: str = "ix", **options: Any) -> Any:
    """Declare an index, anew for each table."""
    return lambda: Index(name, *(items or ("emb",)), **options)


def hnsw(**options: Any) -> Any:
    """Declare an HNSW index on `emb`."""
    return index(**{**HNSW, **options})


def half(dimensions: int = 384, type_: Any = HALFVEC, ops: str = "halfvec_cosine_ops") -> Any:
    """Declare an HNSW index on `emb` cast to another type."""
    return lambda: Index(
        "ix",
        cast(Column("emb", Vector(384)), type_(dimensions)).label("e"),
        postgresql_using="hnsw",
        postgresql_ops={"e": ops},
    )


def expression(sql: str) -> Build:
    """Declare an index on SQL text."""

    def build(metadata: MetaData) -> None:
        table(lambda: Index("ix", text(sql), postgresql_using="hnsw"))(metadata)

    return build


def outside(metadata: MetaData) -> None:
    """Declare an index on SQL text that no table knows of."""
    table()(metadata)
    Index("ix", text("emb vector_cosine_ops"), postgresql_using="hnsw")


CASES = [
    Case("vector-column-added", plain(), table()),
    Case("vector-column-added-array", plain(), plain(lambda: Column("many", ARRAY(Vector(3))))),
    Case("vector-column-added-without-dimension", plain(), table(emb=Vector())),
    Case(
        "vector-column-added-half-sparse-bit",
        plain(),
        plain(
            lambda: Column("h", HALFVEC(3)),
            lambda: Column("s", SPARSEVEC(9)),
            lambda: Column("b", BIT(64)),
        ),
    ),
    Case("vector-column-dropped", table(), plain()),
    Case("vector-column-not-null", plain(), plain(lambda: Column("emb", Vector(3), nullable=False))),
    Case(
        "vector-column-not-null-with-rows",
        plain(),
        plain(lambda: Column("emb", Vector(3), nullable=False)),
        rows=("INSERT INTO t VALUES (1, 1)",),
    ),
    Case("vector-dimension", table(), table(emb=Vector(768))),
    Case(
        "vector-dimension-with-rows",
        table(emb=Vector(3)),
        table(emb=Vector(4)),
        rows=("INSERT INTO t VALUES (1, 1, '[1,2,3]')",),
    ),
    Case("vector-dimension-with-index", table(hnsw()), table(hnsw(), emb=Vector(768))),
    Case("vector-to-halfvec", table(), table(emb=HALFVEC(384))),
    Case("halfvec-to-sparsevec", table(emb=HALFVEC(384)), table(emb=SPARSEVEC(384))),
    Case(
        "vector-to-halfvec-with-index",
        table(hnsw()),
        table(hnsw(postgresql_ops={"emb": "halfvec_cosine_ops"}), emb=HALFVEC(384)),
    ),
    Case("vector-to-halfvec-index-dropped", table(hnsw()), table(emb=HALFVEC(384))),
    Case("vector-bit-length", table(emb=BIT(64)), table(emb=BIT(128))),
    Case("vector-index-added", table(), table(hnsw(postgresql_with={"m": 32, "ef_construction": 99}))),
    Case("vector-index-dropped", table(hnsw(postgresql_with={"m": 32, "ef_construction": 99})), table()),
    Case("vector-index-renamed", table(hnsw()), table(hnsw(name="ix2"))),
    Case("vector-index-added-partial", table(), table(hnsw(postgresql_where=text("y > 0")))),
    Case("vector-index-added-cast", table(), table(half())),
    Case("vector-index-dropped-cast", table(half()), table()),
    Case(
        "vector-index-added-binary-quantize",
        table(),
        table(
            lambda: Index(
                "ix",
                cast(text("binary_quantize(emb)"), BIT(384)).label("b"),
                postgresql_using="hnsw",
                postgresql_ops={"b": "bit_hamming_ops"},
            )
        ),
    ),
    Case("index-concurrently-added", table(), table(hnsw(postgresql_concurrently=True))),
    Case(
        "index-concurrently-changed",
        table(hnsw()),
        table(hnsw(postgresql_concurrently=True, postgresql_with={"m": 24})),
    ),
    Case(
        "index-concurrently-and-column",
        table(),
        table(hnsw(postgresql_concurrently=True), lambda: Column("z", Integer)),
    ),
    Case("index-concurrently-on-new-table", lambda _: None, table(hnsw(postgresql_concurrently=True))),
    Case("hnsw-m", table(hnsw(postgresql_with={"m": 16})), table(hnsw(postgresql_with={"m": 32}))),
    Case(
        "hnsw-ef-construction",
        table(hnsw(postgresql_with={"ef_construction": 64})),
        table(hnsw(postgresql_with={"ef_construction": 128})),
    ),
    Case(
        "ivfflat-lists",
        table(index(postgresql_using="ivfflat", postgresql_ops=COSINE, postgresql_with={"lists": 100})),
        table(index(postgresql_using="ivfflat", postgresql_ops=COSINE, postgresql_with={"lists": 200})),
    ),
    Case("index-opclass", table(hnsw()), table(hnsw(postgresql_ops={"emb": "vector_l2_ops"}))),
    Case("index-method", table(hnsw()), table(index(postgresql_using="ivfflat", postgresql_ops=COSINE))),
    Case(
        "vector-index-where-changed",
        table(hnsw(postgresql_where=text("y > 0"))),
        table(hnsw(postgresql_where=text("y > 1"))),
    ),
    Case("vector-index-cast-dimension", table(half()), table(half(256))),
    Case("vector-index-cast-type", table(half()), table(half(type_=Vector, ops="vector_cosine_ops"))),
    Case("vector-index-cast-opclass", table(half()), table(half(ops="halfvec_l2_ops"))),
    Case(
        "vector-index-text-opclass",
        expression("(emb::halfvec(384)) halfvec_cosine_ops"),
        expression("(emb::halfvec(384)) halfvec_l2_ops"),
        warns="operator clause",
    ),
    Case("index-outside-table", table(), outside),
]
