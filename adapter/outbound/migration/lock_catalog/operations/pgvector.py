"""Operations on vectors and their indexes, of the extension pgvector."""

from adapter.outbound.migration.lock_catalog.operation import HNSW, IVFFLAT, VECTORS, Operation


def _vector(name: str, sql: str = "", alembic: str = "", setup: str = "", note: str = "") -> Operation:
    return Operation("pgvector", name, sql, alembic, f"{VECTORS}{setup}", "chunks", note=note)


def _vector_type(name: str, sql: str, setup: str = "", note: str = "") -> Operation:
    return _vector(name, f"ALTER TABLE chunks ALTER COLUMN embedding TYPE {sql}", setup=setup, note=note)


OPERATIONS = (
    _vector("add a vector column", alembic='op.add_column("chunks", sa.Column("second", VECTOR(1536)))'),
    _vector(
        "create an HNSW index",
        alembic='op.create_index("chunks_embedding_idx", "chunks", ["embedding"], postgresql_using="hnsw", '
        'postgresql_ops={"embedding": "vector_l2_ops"})',
    ),
    _vector(
        "create an HNSW index concurrently",
        alembic='op.create_index("chunks_embedding_idx", "chunks", ["embedding"], postgresql_using="hnsw", '
        'postgresql_ops={"embedding": "vector_l2_ops"}, postgresql_concurrently=True)',
    ),
    _vector("create an IVFFlat index", IVFFLAT.rstrip(";")),
    _vector("create an IVFFlat index concurrently", IVFFLAT.rstrip(";").replace("INDEX", "INDEX CONCURRENTLY")),
    _vector(
        "create an IVFFlat index on no rows",
        IVFFLAT.rstrip(";"),
        setup="TRUNCATE chunks;",
        note="it works, and finds little until a REINDEX",
    ),
    _vector(
        "index a long vector as halfvec",
        "CREATE INDEX chunks_long_idx ON chunks USING hnsw ((long::halfvec(3072)) halfvec_l2_ops)",
        setup="ALTER TABLE chunks ADD COLUMN long vector(3072);",
    ),
    _vector(
        "HNSW on more than 2,000 dimensions",
        "CREATE INDEX chunks_long_idx ON chunks USING hnsw (long vector_l2_ops)",
        setup="ALTER TABLE chunks ADD COLUMN long vector(2001);",
    ),
    _vector(
        "HNSW on more than 4,000 dimensions of halfvec",
        "CREATE INDEX chunks_long_idx ON chunks USING hnsw (long halfvec_l2_ops)",
        setup="ALTER TABLE chunks ADD COLUMN long halfvec(4001);",
    ),
    _vector(
        "HNSW on a vector without dimensions",
        "CREATE INDEX chunks_free_idx ON chunks USING hnsw (free vector_l2_ops)",
        setup="ALTER TABLE chunks ADD COLUMN free vector;",
    ),
    _vector("reindex an HNSW index", "REINDEX INDEX chunks_embedding_idx", setup=HNSW),
    _vector("reindex an HNSW index concurrently", "REINDEX INDEX CONCURRENTLY chunks_embedding_idx", setup=HNSW),
    _vector(
        "drop an HNSW index concurrently",
        alembic='op.drop_index("chunks_embedding_idx", postgresql_concurrently=True)',
        setup=HNSW,
    ),
    _vector(
        "change m of an HNSW index",
        "ALTER INDEX chunks_embedding_idx SET (m = 24)",
        setup=HNSW,
        note="changes nothing before a REINDEX",
    ),
    _vector(
        "change lists of an IVFFlat index",
        "ALTER INDEX chunks_embedding_idx SET (lists = 20)",
        setup=IVFFLAT,
        note="changes nothing before a REINDEX",
    ),
    _vector_type("vector(8) to vector", "vector", note="the dimensions are not fixed any more"),
    _vector_type(
        "vector to vector(8)", "vector(8)", "ALTER TABLE chunks ALTER COLUMN embedding TYPE vector;", "the rows fit"
    ),
    _vector_type("vector(8) to vector(16)", "vector(16)", note="add a column, embed again, change over"),
    _vector_type("vector(8) to vector(16) by NULL", "vector(16) USING NULL", note="every embedding is lost"),
    _vector_type("vector(8) to vector(4) by a part", "vector(4) USING subvector(embedding, 1, 4)::vector(4)"),
    _vector_type("vector(8) to halfvec(8)", "halfvec(8)"),
    _vector_type("vector(8) to halfvec(8), with an index", "halfvec(8)", HNSW, "drop the index before"),
    _vector("real[] to vector(8)", "ALTER TABLE chunks ALTER COLUMN numbers TYPE vector(8) USING numbers::vector(8)"),
    _vector("set the storage of a vector", "ALTER TABLE chunks ALTER COLUMN embedding SET STORAGE PLAIN"),
    _vector(
        "add a stored binary quantization",
        "ALTER TABLE chunks ADD COLUMN bits bit(8) GENERATED ALWAYS AS (binary_quantize(embedding)::bit(8)) STORED",
    ),
    _vector(
        "update all embeddings, with an HNSW index",
        alembic='op.execute("UPDATE chunks SET embedding = embedding * embedding")',
        setup=HNSW,
        note="fill first, build the index afterwards",
    ),
)
