"""Changes of indexes."""

from tests.integration.inspector.change import VECTOR_INDEX, VECTOR_INDEX_KEY, VECTOR_INDEX_UNDO, Change, comment, index

INDEXES: dict[str, Change] = {
    "index operator class": Change(
        f"{VECTOR_INDEX} USING hnsw (embedding vector_cosine_ops) WITH (m = 8)",
        VECTOR_INDEX_KEY,
        "opclass",
        VECTOR_INDEX_UNDO,
    ),
    "index method": Change(
        f"{VECTOR_INDEX} USING ivfflat (embedding vector_l2_ops) WITH (lists = 8)",
        VECTOR_INDEX_KEY,
        "access_method",
        VECTOR_INDEX_UNDO,
    ),
    "index options": Change(
        "ALTER INDEX shop.chunks_embedding_idx SET (m = 9)",
        VECTOR_INDEX_KEY,
        "options",
        "ALTER INDEX shop.chunks_embedding_idx SET (m = 8)",
    ),
    "index operator class options": Change(
        "DROP INDEX shop.users_words_idx; CREATE INDEX users_words_idx ON shop.users"
        " USING gist (to_tsvector('simple', name) tsvector_ops (siglen = 200))",
        ("index", "shop.users_words_idx"),
        "opclass_options",
        "DROP INDEX shop.users_words_idx; CREATE INDEX users_words_idx ON shop.users"
        " USING gist (to_tsvector('simple', name) tsvector_ops (siglen = 100))",
    ),
    "index predicate": index("predicate", "(name) WHERE age > 1"),
    "index include": index("definition", "(name) INCLUDE (age)"),
    "index order": index("definition", "(name DESC NULLS LAST)"),
    "index collation": index("definition", '(name COLLATE "C")'),
    "index unique": index("unique", "UNIQUE (name)"),
    "index fill factor": index("options", "(name) WITH (fillfactor = 70)"),
    "nulls not distinct": index("nulls_not_distinct", "UNIQUE (name) NULLS NOT DISTINCT", since=15),
    "index statistics": Change(
        "ALTER INDEX shop.users_lower_idx ALTER COLUMN 1 SET STATISTICS 300",
        ("index", "shop.users_lower_idx"),
        "statistics",
        "ALTER INDEX shop.users_lower_idx ALTER COLUMN 1 SET STATISTICS -1",
    ),
    "partitioned index becomes valid": Change(
        "ALTER INDEX shop.events_kind_idx ATTACH PARTITION shop.events_2026_kind_idx",
        ("index", "shop.events_kind_idx"),
        "valid",
    ),
    "partition of an index": Change(
        "ALTER INDEX shop.events_kind_idx ATTACH PARTITION shop.events_2026_kind_idx",
        ("index", "shop.events_2026_kind_idx"),
        "parent",
    ),
    "index becomes a constraint": Change(
        "ALTER TABLE shop.users ADD CONSTRAINT users_age_idx UNIQUE USING INDEX users_age_idx",
        ("index", "shop.users_age_idx"),
        "constraint",
    ),
    "clustered index": Change(
        "ALTER TABLE shop.users CLUSTER ON users_name_idx",
        ("index", "shop.users_name_idx"),
        "clustered",
        "ALTER TABLE shop.users SET WITHOUT CLUSTER",
    ),
    "replica identity index": Change(
        "ALTER TABLE shop.users REPLICA IDENTITY USING INDEX users_email_key",
        ("index", "shop.users_email_key"),
        "replica_identity",
        "ALTER TABLE shop.users REPLICA IDENTITY DEFAULT",
    ),
    "index comment": comment("INDEX shop.users_name_idx", ("index", "shop.users_name_idx")),
}
