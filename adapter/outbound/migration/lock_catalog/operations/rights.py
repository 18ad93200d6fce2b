"""Operations on row security, grants and publications."""

from adapter.outbound.migration.lock_catalog.operation import Operation

OPERATIONS = (
    Operation(
        "Row security, grants, replication", "enable row-level security", "ALTER TABLE orders ENABLE ROW LEVEL SECURITY"
    ),
    Operation(
        "Row security, grants, replication", "force row-level security", "ALTER TABLE orders FORCE ROW LEVEL SECURITY"
    ),
    Operation(
        "Row security, grants, replication", "create a policy", "CREATE POLICY own ON orders USING (user_id = 1)"
    ),
    Operation(
        "Row security, grants, replication",
        "change a policy",
        "ALTER POLICY own ON orders USING (user_id = 2)",
        setup="CREATE POLICY own ON orders USING (user_id = 1)",
    ),
    Operation(
        "Row security, grants, replication",
        "drop a policy",
        "DROP POLICY own ON orders",
        setup="CREATE POLICY own ON orders USING (user_id = 1)",
    ),
    Operation("Row security, grants, replication", "grant", "GRANT SELECT ON orders TO pg_monitor"),
    Operation(
        "Row security, grants, replication",
        "revoke",
        "REVOKE SELECT ON orders FROM pg_monitor",
        setup="GRANT SELECT ON orders TO pg_monitor",
    ),
    Operation(
        "Row security, grants, replication",
        "publish a table",
        "CREATE PUBLICATION news FOR TABLE orders",
        setup="DROP PUBLICATION IF EXISTS news",
    ),
)
