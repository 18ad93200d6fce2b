"""Changes of tables."""

from tests.integration.inspector.change import USERS, Change, appears, comment, grant, owner, table

TABLES: dict[str, Change] = {
    "replica identity": table("replica_identity", "REPLICA IDENTITY FULL", "REPLICA IDENTITY DEFAULT"),
    "table options": table("options", "SET (fillfactor = 70)", "RESET (fillfactor)"),
    "toast options": table("toast_options", "SET (toast.autovacuum_enabled = off)", "RESET (toast.autovacuum_enabled)"),
    "row security": table("row_security", "ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
    "row security forced": table("force_row_security", "FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
    "unlogged": Change(
        "ALTER TABLE shop.chunks SET UNLOGGED",
        ("table", "shop.chunks"),
        "persistence",
        "ALTER TABLE shop.chunks SET LOGGED",
    ),
    "table comment": comment("TABLE shop.users", USERS),
    "table owner": owner("TABLE shop.users", USERS),
    "table grant": grant("SELECT, INSERT ON shop.users", USERS),
    "typed table": Change(
        "CREATE TYPE shop.pair AS (id bigint, embedding vector(3)); ALTER TABLE shop.chunks OF shop.pair",
        ("table", "shop.chunks"),
        "of_type",
        "ALTER TABLE shop.chunks NOT OF; DROP TYPE shop.pair",
    ),
    "partition bound": Change(
        "ALTER TABLE shop.logs DETACH PARTITION shop.logs_1;"
        "ALTER TABLE shop.logs ATTACH PARTITION shop.logs_1 FOR VALUES IN (1, 2)",
        ("table", "shop.logs_1"),
        "partition_bound",
        "ALTER TABLE shop.logs DETACH PARTITION shop.logs_1;"
        "ALTER TABLE shop.logs ATTACH PARTITION shop.logs_1 FOR VALUES IN (1)",
    ),
    "partition key": Change(
        "DROP TABLE shop.logs; CREATE TABLE shop.logs (day integer) PARTITION BY HASH (day)",
        ("table", "shop.logs"),
        "partition_key",
        "DROP TABLE shop.logs; CREATE TABLE shop.logs (day integer) PARTITION BY LIST (day);"
        "CREATE TABLE shop.logs_1 PARTITION OF shop.logs FOR VALUES IN (1)",
    ),
    "partition detached": Change(
        "ALTER TABLE shop.events DETACH PARTITION shop.events_2026", ("table", "shop.events_2026"), "parents"
    ),
    "inheritance": Change(
        "CREATE TABLE shop.parent (total numeric(10, 2)); ALTER TABLE shop.orders INHERIT shop.parent",
        ("column", "shop.orders.total"),
        "inherited",
        "ALTER TABLE shop.orders NO INHERIT shop.parent; DROP TABLE shop.parent",
    ),
    "foreign table": appears(
        "CREATE FOREIGN TABLE shop.remote (id bigint OPTIONS (name 'key')) SERVER far OPTIONS (name 'remote')",
        "DROP FOREIGN TABLE shop.remote",
        ("table", "shop.remote"),
    ),
}
