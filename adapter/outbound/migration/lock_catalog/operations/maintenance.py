"""Operations on rows, and maintenance."""

from adapter.outbound.migration.lock_catalog.operation import Operation

OPERATIONS = (
    Operation(
        "Rows and maintenance",
        "insert from a query",
        "INSERT INTO users SELECT id + 5000, note FROM orders",
        table="users",
    ),
    Operation("Rows and maintenance", "update all rows", alembic='op.execute("UPDATE orders SET quantity = 1")'),
    Operation("Rows and maintenance", "delete all rows", alembic='op.execute("DELETE FROM orders")'),
    Operation(
        "Rows and maintenance",
        "delete all rows of a referenced table",
        "DELETE FROM users",
        setup="ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL",
        table="users",
        note="every row looks for its references: in a scan, without an index on them",
    ),
    Operation("Rows and maintenance", "analyze", "ANALYZE orders"),
    Operation("Rows and maintenance", "vacuum", "VACUUM orders"),
    Operation("Rows and maintenance", "vacuum full", "VACUUM FULL orders"),
    Operation("Rows and maintenance", "cluster", "CLUSTER orders USING orders_pkey"),
    Operation(
        "Rows and maintenance", "create extended statistics", "CREATE STATISTICS pair ON user_id, quantity FROM orders"
    ),
    Operation(
        "Rows and maintenance",
        "create an extension",
        "CREATE EXTENSION vector SCHEMA public",
        setup="DROP EXTENSION vector",
    ),
)
