"""Operations on tables."""

from adapter.outbound.migration.lock_catalog.operation import BOOKED, Operation

OPERATIONS = (
    Operation(
        "Tables",
        "create a table",
        alembic='op.create_table("items", sa.Column("id", sa.BigInteger(), primary_key=True))',
    ),
    Operation(
        "Tables",
        "create a table with a foreign key",
        alembic='op.create_table("items", sa.Column("order_id", sa.BigInteger(), sa.ForeignKey("orders.id")))',
        note="writes to the referenced table stop until the commit",
    ),
    Operation("Tables", "create a table from a query", "CREATE TABLE big AS SELECT * FROM orders WHERE quantity > 5"),
    Operation("Tables", "create a table like another", "CREATE TABLE archive (LIKE orders INCLUDING ALL)"),
    Operation("Tables", "drop a table", alembic='op.drop_table("orders")'),
    Operation(
        "Tables",
        "drop a table that references another",
        alembic='op.drop_table("orders")',
        setup=BOOKED,
        note="reads of the referenced table stop, too",
    ),
    Operation("Tables", "rename a table", alembic='op.rename_table("orders", "purchases")'),
    Operation("Tables", "move a table to another schema", "ALTER TABLE orders SET SCHEMA public"),
    Operation("Tables", "make a table unlogged", "ALTER TABLE orders SET UNLOGGED"),
    Operation(
        "Tables", "make a table logged", "ALTER TABLE orders SET LOGGED", setup="ALTER TABLE orders SET UNLOGGED"
    ),
    Operation("Tables", "set the fill factor", "ALTER TABLE orders SET (fillfactor = 80)"),
    Operation("Tables", "set when autovacuum comes", "ALTER TABLE orders SET (autovacuum_vacuum_scale_factor = 0.01)"),
    Operation("Tables", "mark an index for CLUSTER", "ALTER TABLE orders CLUSTER ON orders_pkey"),
    Operation("Tables", "log whole rows for replication", "ALTER TABLE orders REPLICA IDENTITY FULL"),
    Operation("Tables", "give a table to another owner", "ALTER TABLE orders OWNER TO pg_database_owner"),
    Operation(
        "Tables",
        "inherit from another table",
        "ALTER TABLE orders INHERIT base",
        setup="CREATE TABLE base (id bigint NOT NULL)",
    ),
    Operation("Tables", "comment on a table", alembic='op.create_table_comment("orders", "what was bought")'),
    Operation("Tables", "truncate", "TRUNCATE orders"),
    Operation("Tables", "truncate with what references it", "TRUNCATE users CASCADE", setup=BOOKED, table="users"),
)
