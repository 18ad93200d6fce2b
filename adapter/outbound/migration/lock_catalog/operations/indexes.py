"""Operations on indexes."""

from adapter.outbound.migration.lock_catalog.operation import NOTE_INDEX, Operation

OPERATIONS = (
    Operation("Indexes", "create an index", alembic='op.create_index("orders_note_idx", "orders", ["note"])'),
    Operation(
        "Indexes",
        "create an index concurrently",
        alembic='op.create_index("orders_note_idx", "orders", ["note"], postgresql_concurrently=True)',
        note="waits for every transaction that is older",
    ),
    Operation(
        "Indexes",
        "create a unique index",
        alembic='op.create_index("orders_body_idx", "orders", ["body"], unique=True)',
    ),
    Operation(
        "Indexes",
        "create a unique index concurrently, on duplicates",
        alembic='op.create_index("orders_quantity_idx", "orders", ["quantity"], unique=True, '
        "postgresql_concurrently=True)",
        note="leaves an invalid index",
    ),
    Operation(
        "Indexes",
        "create an index that is there",
        "CREATE INDEX IF NOT EXISTS orders_note_idx ON orders (note)",
        setup=NOTE_INDEX,
        note="nothing is done, under the full lock; an invalid index stays",
    ),
    Operation(
        "Indexes", "create a GIN index", "CREATE INDEX orders_details_idx ON orders USING gin ((details::jsonb))"
    ),
    Operation("Indexes", "drop an index", alembic='op.drop_index("orders_note_idx")', setup=NOTE_INDEX),
    Operation(
        "Indexes",
        "drop an index concurrently",
        alembic='op.drop_index("orders_note_idx", postgresql_concurrently=True)',
        setup=NOTE_INDEX,
    ),
    Operation(
        "Indexes",
        "reindex an index",
        "REINDEX INDEX orders_note_idx",
        setup=NOTE_INDEX,
        note="planning any query on the table needs the index: reads stop, too",
    ),
    Operation(
        "Indexes", "reindex an index concurrently", "REINDEX INDEX CONCURRENTLY orders_note_idx", setup=NOTE_INDEX
    ),
    Operation("Indexes", "reindex a table", "REINDEX TABLE orders", setup=NOTE_INDEX),
    Operation("Indexes", "reindex a table concurrently", "REINDEX TABLE CONCURRENTLY orders", setup=NOTE_INDEX),
    Operation(
        "Indexes", "rename an index", "ALTER INDEX orders_note_idx RENAME TO orders_remark_idx", setup=NOTE_INDEX
    ),
    Operation(
        "Indexes", "set an index's fill factor", "ALTER INDEX orders_note_idx SET (fillfactor = 70)", setup=NOTE_INDEX
    ),
    Operation(
        "Indexes",
        "set a GIN index's fast update",
        "ALTER INDEX orders_details_idx SET (fastupdate = off)",
        setup="CREATE INDEX orders_details_idx ON orders USING gin ((details::jsonb))",
    ),
)
