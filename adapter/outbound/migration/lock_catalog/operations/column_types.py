"""Operations that change the types of columns."""

from adapter.outbound.migration.lock_catalog.operation import NOTE_INDEX, STATUS, Operation


def _retype(name: str, column: str, sql: str, setup: str = "", note: str = "", settings: str = "") -> Operation:
    statement = f"ALTER TABLE orders ALTER COLUMN {column} TYPE {sql}"
    return Operation("Column types", name, statement, setup=setup, note=note, settings=settings)


OPERATIONS = (
    Operation(
        "Column types",
        "int to bigint",
        alembic='op.alter_column("orders", "quantity", type_=sa.BigInteger())',
        note="every index on the table is built anew",
    ),
    Operation(
        "Column types",
        "int to bigint, with an index",
        alembic='op.alter_column("orders", "quantity", type_=sa.BigInteger())',
        setup="CREATE INDEX orders_quantity_idx ON orders (quantity)",
    ),
    Operation(
        "Column types",
        "varchar(50) to varchar(100)",
        alembic='op.alter_column("orders", "note", type_=sa.String(100))',
    ),
    Operation(
        "Column types",
        "varchar(50) to varchar(100), with an index",
        alembic='op.alter_column("orders", "note", type_=sa.String(100))',
        setup=NOTE_INDEX,
    ),
    Operation(
        "Column types", "varchar(50) to varchar(20)", alembic='op.alter_column("orders", "note", type_=sa.String(20))'
    ),
    Operation("Column types", "varchar to text", alembic='op.alter_column("orders", "note", type_=sa.Text())'),
    _retype("text to varchar", "body", "varchar"),
    _retype("text to varchar(50)", "body", "varchar(50)"),
    _retype("char(10) to text", "code", "text", "ALTER TABLE orders ADD COLUMN code char(10) DEFAULT 'x'"),
    _retype("numeric(10,2) to numeric(12,2)", "price", "numeric(12,2)"),
    _retype("numeric(10,2) to numeric(12,4)", "price", "numeric(12,4)"),
    _retype("numeric(10,2) to numeric", "price", "numeric"),
    _retype("timestamp to timestamptz, in UTC", "placed_at", "timestamptz", settings="SET TimeZone = 'UTC'"),
    _retype(
        "timestamp to timestamptz, elsewhere",
        "placed_at",
        "timestamptz",
        settings="SET TimeZone = 'Europe/Paris'",
        note="the session's TimeZone decides",
    ),
    _retype("timestamp to timestamp(3)", "placed_at", "timestamp(3)"),
    _retype("date to timestamp", "day", "timestamp", "ALTER TABLE orders ADD COLUMN day date"),
    _retype("cidr to inet", "net", "inet", "ALTER TABLE orders ADD COLUMN net cidr"),
    _retype("json to jsonb", "details", "jsonb USING details::jsonb"),
    _retype("text to uuid", "body", "uuid USING body::uuid"),
    _retype("another collation", "body", 'text COLLATE "C"'),
    _retype(
        "another collation, with an index",
        "body",
        'text COLLATE "C"',
        "CREATE INDEX orders_body_idx ON orders (body)",
        "the index is built anew, the table stays",
    ),
    _retype(
        "varchar to text, with a check on it",
        "note",
        "text",
        "ALTER TABLE orders ADD CHECK (note <> '')",
        "the check is done again",
    ),
    _retype("varchar to text, in a view", "note", "text", "CREATE VIEW notes AS SELECT note FROM orders"),
    _retype(
        "enum to another enum",
        "status",
        "state USING status::text::state",
        STATUS.replace(" DEFAULT 'new'", "") + "CREATE TYPE state AS ENUM ('new', 'paid', 'sent')",
    ),
)
