"""The operations of the lock catalogue, as data: what prepares one, and the one statement that is measured.

An operation has its SQL, or the call of Alembic that makes it. Tables are those of `TABLES`, made anew for each
operation, and what its `setup` adds. Indexes and sequences bear their table's name as a prefix (`orders_note_idx`),
other relations none, so that the page can leave out locks on indexes that their table's lock covers.
"""

from dataclasses import dataclass

SCHEMA = "shop"

TABLES = """
RESET ALL;
DROP SCHEMA IF EXISTS shop CASCADE;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;
CREATE SCHEMA shop;
SET search_path = shop, public;
CREATE TABLE users (id bigint PRIMARY KEY, name text);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, quantity int, price numeric(10,2), note varchar(50),
    body text, placed_at timestamp, details json);
INSERT INTO users SELECT g, 'user ' || g FROM generate_series(1, 1000) g;
INSERT INTO orders SELECT g, g, mod(g, 9) + 1, g, 'note ' || g, lpad(g::text, 32, '0'), '2026-01-01', '{}'
    FROM generate_series(1, 1000) g;
ANALYZE users, orders;
"""
_BOOKED = """
ALTER TABLE orders ADD CONSTRAINT orders_user_fk FOREIGN KEY (user_id) REFERENCES users;
"""
_NOTE_INDEX = "CREATE INDEX orders_note_idx ON orders (note);"
_PARTITIONS = """
CREATE TABLE events (id bigint NOT NULL, day int NOT NULL, user_id bigint) PARTITION BY RANGE (day);
CREATE TABLE january PARTITION OF events FOR VALUES FROM (0) TO (100);
CREATE TABLE february (id bigint NOT NULL, day int NOT NULL, user_id bigint);
INSERT INTO january SELECT g, mod(g, 100), g FROM generate_series(1, 1000) g;
INSERT INTO february SELECT g, 100 + mod(g, 100), g FROM generate_series(1, 1000) g;
ANALYZE january, february;
"""
_DEFAULT = """
CREATE TABLE others PARTITION OF events DEFAULT;
INSERT INTO others SELECT g, 5000, g FROM generate_series(1, 1000) g;
"""
_VECTORS = """
CREATE TABLE chunks (id bigint PRIMARY KEY, body text, numbers real[], embedding vector(8));
INSERT INTO chunks SELECT g, 'chunk ' || g, ARRAY[g,2,3,4,5,6,7,8], ('[' || g || ',2,3,4,5,6,7,8]')::vector
    FROM generate_series(1, 1000) g;
"""
_HNSW = "CREATE INDEX chunks_embedding_idx ON chunks USING hnsw (embedding vector_l2_ops);"
_IVFFLAT = "CREATE INDEX chunks_embedding_idx ON chunks USING ivfflat (embedding vector_l2_ops) WITH (lists = 10);"
_TRIGGER = """
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamped BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
"""
_VIEW = "CREATE VIEW cheap AS SELECT id, quantity FROM orders WHERE price < 10;"
_SUMMARY = """
CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(price) AS total FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX totals_user_idx ON totals (user_id);
"""
_STATUS = "CREATE TYPE status AS ENUM ('new', 'paid'); ALTER TABLE orders ADD COLUMN status status DEFAULT 'new';"
_AMOUNT = "CREATE DOMAIN amount AS numeric; ALTER TABLE orders ADD COLUMN paid amount; UPDATE orders SET paid = 1;"


@dataclass(frozen=True)
class Operation:
    """One operation to be measured.

    Attributes:
        group: Section of the page.
        name: What it is, unlike all others of the group.
        sql: Its statement; empty where Alembic makes it.
        alembic: The call that makes it; empty where there is none.
        setup: SQL that prepares it, after `TABLES`.
        table: The table that it is about.
        settings: `SET` commands for its session.
        note: What to know besides.
    """

    group: str
    name: str
    sql: str = ""
    alembic: str = ""
    setup: str = ""
    table: str = "orders"
    settings: str = ""
    note: str = ""


_TABLES = (
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
        setup=_BOOKED,
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
    Operation("Tables", "truncate with what references it", "TRUNCATE users CASCADE", setup=_BOOKED, table="users"),
)

_ADDED_COLUMNS = (
    Operation("Columns", "add a column", alembic='op.add_column("orders", sa.Column("tag", sa.Text()))'),
    Operation(
        "Columns",
        "add a column with a constant default",
        alembic='op.add_column("orders", sa.Column("tag", sa.Text(), server_default="none"))',
    ),
    Operation(
        "Columns",
        "add a column, not null, with a constant default",
        alembic='op.add_column("orders", sa.Column("tag", sa.Text(), nullable=False, server_default="none"))',
    ),
    Operation(
        "Columns",
        "add a column, not null, without a default",
        alembic='op.add_column("orders", sa.Column("tag", sa.Text(), nullable=False))',
        note="works on an empty table only",
    ),
    Operation(
        "Columns",
        "add a column with a stable default",
        alembic='op.add_column("orders", sa.Column("at", sa.DateTime(), server_default=sa.func.now()))',
        note="evaluated once",
    ),
    Operation(
        "Columns",
        "add a column with a volatile default",
        alembic='op.add_column("orders", sa.Column("at", sa.DateTime(), server_default=sa.func.clock_timestamp()))',
        note="add it without, set the default, fill in batches",
    ),
    Operation(
        "Columns",
        "add a column with a random UUID",
        alembic='op.add_column("orders", sa.Column("key", sa.Uuid(), server_default=sa.func.gen_random_uuid()))',
    ),
    Operation("Columns", "add a serial column", "ALTER TABLE orders ADD COLUMN number bigserial"),
    Operation(
        "Columns",
        "add an identity column",
        alembic='op.add_column("orders", sa.Column("number", sa.BigInteger(), sa.Identity()))',
    ),
    Operation(
        "Columns",
        "add a stored generated column",
        alembic='op.add_column("orders", sa.Column("sum", sa.Numeric(), sa.Computed("price * 2", persisted=True)))',
    ),
    Operation(
        "Columns",
        "add a virtual generated column",
        "ALTER TABLE orders ADD COLUMN sum numeric GENERATED ALWAYS AS (price * 2) VIRTUAL",
        note="since Postgres 18",
    ),
    Operation("Columns", "add a column with a check", "ALTER TABLE orders ADD COLUMN rank int CHECK (rank > 0)"),
    Operation(
        "Columns", "add a column with a foreign key", "ALTER TABLE orders ADD COLUMN seller_id bigint REFERENCES users"
    ),
    Operation(
        "Columns",
        "add a column with a foreign key and a default",
        "ALTER TABLE orders ADD COLUMN seller_id bigint DEFAULT 1 REFERENCES users",
    ),
    Operation("Columns", "add a unique column", "ALTER TABLE orders ADD COLUMN code text UNIQUE"),
    Operation(
        "Columns",
        "add a column of a domain with a constraint",
        "ALTER TABLE orders ADD COLUMN paid positive",
        setup="CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        note="a domain without a constraint rewrites nothing",
    ),
    Operation(
        "Columns",
        "add a column of a plain domain",
        "ALTER TABLE orders ADD COLUMN paid amount",
        setup="CREATE DOMAIN amount AS numeric",
    ),
    Operation(
        "Columns",
        "add a column that is there",
        "ALTER TABLE orders ADD COLUMN IF NOT EXISTS body text",
        note="nothing is done, under the full lock",
    ),
)

_OTHER_COLUMNS = (
    Operation("Columns", "drop a column", alembic='op.drop_column("orders", "note")'),
    Operation("Columns", "drop a column with an index", alembic='op.drop_column("orders", "note")', setup=_NOTE_INDEX),
    Operation("Columns", "rename a column", alembic='op.alter_column("orders", "note", new_column_name="remark")'),
    Operation("Columns", "set a default", alembic='op.alter_column("orders", "note", server_default="none")'),
    Operation(
        "Columns",
        "drop a default",
        alembic='op.alter_column("orders", "note", server_default=None)',
        setup="ALTER TABLE orders ALTER COLUMN note SET DEFAULT 'none'",
    ),
    Operation("Columns", "set not null", alembic='op.alter_column("orders", "note", nullable=False)'),
    Operation(
        "Columns",
        "set not null, where a valid check says so",
        alembic='op.alter_column("orders", "note", nullable=False)',
        setup="ALTER TABLE orders ADD CONSTRAINT noted CHECK (note IS NOT NULL)",
        note="the check is added NOT VALID and validated before, in transactions of their own",
    ),
    Operation(
        "Columns",
        "drop not null",
        alembic='op.alter_column("orders", "note", nullable=True)',
        setup="ALTER TABLE orders ALTER COLUMN note SET NOT NULL",
    ),
    Operation("Columns", "set the statistics target", "ALTER TABLE orders ALTER COLUMN note SET STATISTICS 500"),
    Operation("Columns", "set the storage", "ALTER TABLE orders ALTER COLUMN body SET STORAGE EXTERNAL"),
    Operation("Columns", "set the compression", "ALTER TABLE orders ALTER COLUMN body SET COMPRESSION pglz"),
    Operation(
        "Columns",
        "make a column an identity",
        "ALTER TABLE orders ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY",
    ),
    Operation(
        "Columns",
        "make a generated column a plain one",
        "ALTER TABLE orders ALTER COLUMN sum DROP EXPRESSION",
        setup="ALTER TABLE orders ADD COLUMN sum numeric GENERATED ALWAYS AS (price * 2) STORED",
    ),
    Operation(
        "Columns",
        "change the expression of a generated column",
        "ALTER TABLE orders ALTER COLUMN sum SET EXPRESSION AS (price * 3)",
        setup="ALTER TABLE orders ADD COLUMN sum numeric GENERATED ALWAYS AS (price * 2) STORED",
        note="since Postgres 17",
    ),
    Operation(
        "Columns",
        "comment on a column",
        alembic='op.alter_column("orders", "note", comment="of the buyer", existing_type=sa.String(50))',
    ),
)


def _retype(name: str, column: str, sql: str, setup: str = "", note: str = "", settings: str = "") -> Operation:
    statement = f"ALTER TABLE orders ALTER COLUMN {column} TYPE {sql}"
    return Operation("Column types", name, statement, setup=setup, note=note, settings=settings)


_COLUMN_TYPES = (
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
        setup=_NOTE_INDEX,
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
        _STATUS.replace(" DEFAULT 'new'", "") + "CREATE TYPE state AS ENUM ('new', 'paid', 'sent')",
    ),
)

_CONSTRAINTS = (
    Operation("Constraints", "add a check", alembic='op.create_check_constraint("positive", "orders", "quantity > 0")'),
    Operation(
        "Constraints",
        "add a check, not valid",
        alembic='op.create_check_constraint("positive", "orders", "quantity > 0", postgresql_not_valid=True)',
    ),
    Operation(
        "Constraints",
        "validate a check",
        "ALTER TABLE orders VALIDATE CONSTRAINT positive",
        setup="ALTER TABLE orders ADD CONSTRAINT positive CHECK (quantity > 0) NOT VALID",
    ),
    Operation(
        "Constraints",
        "drop a check",
        alembic='op.drop_constraint("positive", "orders")',
        setup="ALTER TABLE orders ADD CONSTRAINT positive CHECK (quantity > 0)",
    ),
    Operation(
        "Constraints",
        "add a not-null constraint, not valid",
        "ALTER TABLE orders ADD CONSTRAINT noted NOT NULL note NOT VALID",
        note="since Postgres 18",
    ),
    Operation(
        "Constraints",
        "validate a not-null constraint",
        "ALTER TABLE orders VALIDATE CONSTRAINT noted",
        setup="""DO $$ BEGIN
            IF current_setting('server_version_num')::int >= 180000 THEN
                EXECUTE 'ALTER TABLE orders ADD CONSTRAINT noted NOT NULL note NOT VALID';
            END IF;
        END $$""",
        note="since Postgres 18",
    ),
    Operation(
        "Constraints",
        "add a foreign key",
        alembic='op.create_foreign_key("orders_user_fk", "orders", "users", ["user_id"], ["id"])',
    ),
    Operation(
        "Constraints",
        "add a foreign key, not valid",
        alembic='op.create_foreign_key("orders_user_fk", "orders", "users", ["user_id"], ["id"], '
        "postgresql_not_valid=True)",
    ),
    Operation(
        "Constraints",
        "validate a foreign key",
        "ALTER TABLE orders VALIDATE CONSTRAINT orders_user_fk",
        setup=_BOOKED.replace("users;", "users NOT VALID;"),
    ),
    Operation(
        "Constraints",
        "drop a foreign key",
        alembic='op.drop_constraint("orders_user_fk", "orders")',
        setup=_BOOKED,
        note="reads of both tables stop",
    ),
    Operation(
        "Constraints",
        "make a foreign key deferrable",
        "ALTER TABLE orders ALTER CONSTRAINT orders_user_fk DEFERRABLE",
        setup=_BOOKED,
    ),
    Operation(
        "Constraints",
        "add a unique constraint",
        alembic='op.create_unique_constraint("orders_body_key", "orders", ["body"])',
    ),
    Operation(
        "Constraints",
        "add a unique constraint on an index",
        "ALTER TABLE orders ADD CONSTRAINT orders_body_key UNIQUE USING INDEX orders_body_idx",
        setup="CREATE UNIQUE INDEX orders_body_idx ON orders (body)",
        note="the index is built CONCURRENTLY before",
    ),
    Operation(
        "Constraints",
        "drop a unique constraint",
        alembic='op.drop_constraint("orders_body_key", "orders")',
        setup="ALTER TABLE orders ADD CONSTRAINT orders_body_key UNIQUE (body)",
    ),
    Operation(
        "Constraints",
        "add a primary key",
        alembic='op.create_primary_key("orders_pk", "orders", ["id"])',
        setup="ALTER TABLE orders DROP CONSTRAINT orders_pkey",
    ),
    Operation(
        "Constraints",
        "add a primary key on an index",
        "ALTER TABLE orders ADD CONSTRAINT orders_pk PRIMARY KEY USING INDEX orders_id_idx",
        setup="ALTER TABLE orders DROP CONSTRAINT orders_pkey; CREATE UNIQUE INDEX orders_id_idx ON orders (id);"
        "ALTER TABLE orders ALTER COLUMN id SET NOT NULL",
    ),
    Operation(
        "Constraints",
        "add a primary key on an index, where the column may be null",
        "ALTER TABLE orders ADD CONSTRAINT orders_pk PRIMARY KEY USING INDEX orders_id_idx",
        setup="ALTER TABLE orders DROP CONSTRAINT orders_pkey; CREATE UNIQUE INDEX orders_id_idx ON orders (id);"
        "ALTER TABLE orders ALTER COLUMN id DROP NOT NULL",
    ),
    Operation("Constraints", "drop a primary key", alembic='op.drop_constraint("orders_pkey", "orders")'),
    Operation(
        "Constraints",
        "add an exclusion constraint",
        alembic='op.create_exclude_constraint("orders_spans_excl", "orders", ("span", "&&"), using="gist")',
        setup="ALTER TABLE orders ADD COLUMN span int4range; UPDATE orders SET span = int4range(id::int, id::int + 1)",
    ),
    Operation("Constraints", "rename a constraint", "ALTER TABLE orders RENAME CONSTRAINT orders_pkey TO orders_pk"),
    Operation(
        "Constraints",
        "drop a constraint that is not there",
        "ALTER TABLE orders DROP CONSTRAINT IF EXISTS none",
        note="nothing is done, under the full lock",
    ),
)

_INDEXES = (
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
        setup=_NOTE_INDEX,
        note="nothing is done, under the full lock; an invalid index stays",
    ),
    Operation(
        "Indexes", "create a GIN index", "CREATE INDEX orders_details_idx ON orders USING gin ((details::jsonb))"
    ),
    Operation("Indexes", "drop an index", alembic='op.drop_index("orders_note_idx")', setup=_NOTE_INDEX),
    Operation(
        "Indexes",
        "drop an index concurrently",
        alembic='op.drop_index("orders_note_idx", postgresql_concurrently=True)',
        setup=_NOTE_INDEX,
    ),
    Operation(
        "Indexes",
        "reindex an index",
        "REINDEX INDEX orders_note_idx",
        setup=_NOTE_INDEX,
        note="planning any query on the table needs the index: reads stop, too",
    ),
    Operation(
        "Indexes", "reindex an index concurrently", "REINDEX INDEX CONCURRENTLY orders_note_idx", setup=_NOTE_INDEX
    ),
    Operation("Indexes", "reindex a table", "REINDEX TABLE orders", setup=_NOTE_INDEX),
    Operation("Indexes", "reindex a table concurrently", "REINDEX TABLE CONCURRENTLY orders", setup=_NOTE_INDEX),
    Operation(
        "Indexes", "rename an index", "ALTER INDEX orders_note_idx RENAME TO orders_remark_idx", setup=_NOTE_INDEX
    ),
    Operation(
        "Indexes", "set an index's fill factor", "ALTER INDEX orders_note_idx SET (fillfactor = 70)", setup=_NOTE_INDEX
    ),
    Operation(
        "Indexes",
        "set a GIN index's fast update",
        "ALTER INDEX orders_details_idx SET (fastupdate = off)",
        setup="CREATE INDEX orders_details_idx ON orders USING gin ((details::jsonb))",
    ),
)


def _partitioned(name: str, sql: str = "", alembic: str = "", setup: str = "", note: str = "") -> Operation:
    return Operation("Partitions", name, sql, alembic, f"{_PARTITIONS}{setup}", "events", note=note)


_PARTITION_OPERATIONS = (
    _partitioned(
        "add a column to a partitioned table",
        alembic='op.add_column("events", sa.Column("tag", sa.Text()))',
    ),
    _partitioned(
        "create a partition in place",
        "CREATE TABLE march PARTITION OF events FOR VALUES FROM (200) TO (300)",
        note="create the table alone and attach it",
    ),
    _partitioned(
        "create a partition in place, beside a default partition",
        "CREATE TABLE march PARTITION OF events FOR VALUES FROM (200) TO (300)",
        setup=_DEFAULT,
    ),
    _partitioned(
        "attach a partition",
        "ALTER TABLE events ATTACH PARTITION february FOR VALUES FROM (100) TO (200)",
    ),
    _partitioned(
        "attach a partition whose check fits",
        "ALTER TABLE events ATTACH PARTITION february FOR VALUES FROM (100) TO (200)",
        setup="ALTER TABLE february ADD CHECK (day >= 100 AND day < 200)",
    ),
    _partitioned(
        "attach a partition, beside a default partition",
        "ALTER TABLE events ATTACH PARTITION february FOR VALUES FROM (100) TO (200)",
        setup=f"{_DEFAULT} ALTER TABLE february ADD CHECK (day >= 100 AND day < 200)",
        note="a check on the default partition spares the scan",
    ),
    _partitioned("detach a partition", "ALTER TABLE events DETACH PARTITION january"),
    _partitioned("detach a partition concurrently", "ALTER TABLE events DETACH PARTITION january CONCURRENTLY"),
    _partitioned("drop a partition", alembic='op.drop_table("january")'),
    _partitioned(
        "create an index on a partitioned table",
        alembic='op.create_index("events_user_idx", "events", ["user_id"])',
    ),
    _partitioned(
        "create an index on a partitioned table concurrently",
        alembic='op.create_index("events_user_idx", "events", ["user_id"], postgresql_concurrently=True)',
    ),
    _partitioned(
        "create an index on the partitioned table only",
        "CREATE INDEX events_user_idx ON ONLY events (user_id)",
        note="invalid until one of each partition is attached",
    ),
    _partitioned(
        "attach an index of a partition",
        "ALTER INDEX events_user_idx ATTACH PARTITION january_user_idx",
        setup="CREATE INDEX events_user_idx ON ONLY events (user_id);"
        "CREATE INDEX january_user_idx ON january (user_id)",
    ),
    _partitioned(
        "add a foreign key of a partitioned table, not valid",
        "ALTER TABLE events ADD CONSTRAINT events_user_fk FOREIGN KEY (user_id) REFERENCES users NOT VALID",
        note="since Postgres 18",
    ),
    _partitioned(
        "add a foreign key of a partitioned table",
        alembic='op.create_foreign_key("events_user_fk", "events", "users", ["user_id"], ["id"])',
    ),
)

_TYPES = (
    Operation("Types and sequences", "create an enum", "CREATE TYPE status AS ENUM ('new', 'paid')"),
    Operation(
        "Types and sequences",
        "add a value to an enum",
        "ALTER TYPE status ADD VALUE 'sent'",
        setup=_STATUS,
        note="the transaction that adds it cannot use it",
    ),
    Operation(
        "Types and sequences",
        "rename a value of an enum",
        "ALTER TYPE status RENAME VALUE 'new' TO 'open'",
        setup=_STATUS,
    ),
    Operation("Types and sequences", "rename a type", "ALTER TYPE status RENAME TO state", setup=_STATUS),
    Operation("Types and sequences", "drop a type that is used", "DROP TYPE status", setup=_STATUS),
    Operation("Types and sequences", "create a domain", "CREATE DOMAIN amount AS numeric CHECK (VALUE > 0)"),
    Operation(
        "Types and sequences",
        "add a constraint to a domain",
        "ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0)",
        setup=_AMOUNT,
        note="every table that uses the domain is locked and read",
    ),
    Operation(
        "Types and sequences",
        "add a constraint to a domain, not valid",
        "ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID",
        setup=_AMOUNT,
    ),
    Operation(
        "Types and sequences",
        "validate a constraint of a domain",
        "ALTER DOMAIN amount VALIDATE CONSTRAINT positive",
        setup=f"{_AMOUNT} ALTER DOMAIN amount ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID",
        note="writes stop while it reads, unlike with a table's check",
    ),
    Operation(
        "Types and sequences",
        "widen a sequence",
        "ALTER SEQUENCE orders_number AS bigint",
        setup="CREATE SEQUENCE orders_number AS int",
        table="orders_number",
        note="`nextval` waits",
    ),
    Operation(
        "Types and sequences",
        "restart a sequence",
        "ALTER SEQUENCE orders_number RESTART",
        setup="CREATE SEQUENCE orders_number",
        table="orders_number",
    ),
)

_TRIGGERS = (
    Operation(
        "Triggers and functions", "create a function", "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    ),
    Operation(
        "Triggers and functions",
        "replace a trigger's function",
        "CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        setup=_TRIGGER,
    ),
    Operation(
        "Triggers and functions",
        "create a trigger",
        "CREATE TRIGGER again AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp()",
        setup=_TRIGGER,
    ),
    Operation("Triggers and functions", "drop a trigger", "DROP TRIGGER stamped ON orders", setup=_TRIGGER),
    Operation(
        "Triggers and functions", "disable a trigger", "ALTER TABLE orders DISABLE TRIGGER stamped", setup=_TRIGGER
    ),
    Operation(
        "Triggers and functions", "enable a trigger", "ALTER TABLE orders ENABLE TRIGGER stamped", setup=_TRIGGER
    ),
    Operation(
        "Triggers and functions", "rename a trigger", "ALTER TRIGGER stamped ON orders RENAME TO marked", setup=_TRIGGER
    ),
    Operation("Triggers and functions", "create a rule", "CREATE RULE kept AS ON DELETE TO orders DO INSTEAD NOTHING"),
)

_VIEWS = (
    Operation("Views", "create a view", _VIEW.rstrip(";")),
    Operation(
        "Views",
        "replace a view",
        "CREATE OR REPLACE VIEW cheap AS SELECT id, quantity FROM orders WHERE price < 5",
        setup=_VIEW,
        table="cheap",
    ),
    Operation("Views", "drop a view", "DROP VIEW cheap", setup=_VIEW, table="cheap"),
    Operation(
        "Views",
        "create a materialized view",
        "CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(price) AS total FROM orders GROUP BY user_id",
    ),
    Operation(
        "Views", "refresh a materialized view", "REFRESH MATERIALIZED VIEW totals", setup=_SUMMARY, table="totals"
    ),
    Operation(
        "Views",
        "refresh a materialized view concurrently",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY totals",
        setup=_SUMMARY,
        table="totals",
    ),
    Operation("Views", "drop a materialized view", "DROP MATERIALIZED VIEW totals", setup=_SUMMARY, table="totals"),
)

_RIGHTS = (
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

_MAINTENANCE = (
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


def _vector(name: str, sql: str = "", alembic: str = "", setup: str = "", note: str = "") -> Operation:
    return Operation("pgvector", name, sql, alembic, f"{_VECTORS}{setup}", "chunks", note=note)


def _vector_type(name: str, sql: str, setup: str = "", note: str = "") -> Operation:
    return _vector(name, f"ALTER TABLE chunks ALTER COLUMN embedding TYPE {sql}", setup=setup, note=note)


_PGVECTOR = (
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
    _vector("create an IVFFlat index", _IVFFLAT.rstrip(";")),
    _vector("create an IVFFlat index concurrently", _IVFFLAT.rstrip(";").replace("INDEX", "INDEX CONCURRENTLY")),
    _vector(
        "create an IVFFlat index on no rows",
        _IVFFLAT.rstrip(";"),
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
    _vector("reindex an HNSW index", "REINDEX INDEX chunks_embedding_idx", setup=_HNSW),
    _vector("reindex an HNSW index concurrently", "REINDEX INDEX CONCURRENTLY chunks_embedding_idx", setup=_HNSW),
    _vector(
        "drop an HNSW index concurrently",
        alembic='op.drop_index("chunks_embedding_idx", postgresql_concurrently=True)',
        setup=_HNSW,
    ),
    _vector(
        "change m of an HNSW index",
        "ALTER INDEX chunks_embedding_idx SET (m = 24)",
        setup=_HNSW,
        note="changes nothing before a REINDEX",
    ),
    _vector(
        "change lists of an IVFFlat index",
        "ALTER INDEX chunks_embedding_idx SET (lists = 20)",
        setup=_IVFFLAT,
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
    _vector_type("vector(8) to halfvec(8), with an index", "halfvec(8)", _HNSW, "drop the index before"),
    _vector("real[] to vector(8)", "ALTER TABLE chunks ALTER COLUMN numbers TYPE vector(8) USING numbers::vector(8)"),
    _vector("set the storage of a vector", "ALTER TABLE chunks ALTER COLUMN embedding SET STORAGE PLAIN"),
    _vector(
        "add a stored binary quantization",
        "ALTER TABLE chunks ADD COLUMN bits bit(8) GENERATED ALWAYS AS (binary_quantize(embedding)::bit(8)) STORED",
    ),
    _vector(
        "update all embeddings, with an HNSW index",
        alembic='op.execute("UPDATE chunks SET embedding = embedding * embedding")',
        setup=_HNSW,
        note="fill first, build the index afterwards",
    ),
)

OPERATIONS = (
    *_TABLES,
    *_ADDED_COLUMNS,
    *_OTHER_COLUMNS,
    *_COLUMN_TYPES,
    *_CONSTRAINTS,
    *_INDEXES,
    *_PARTITION_OPERATIONS,
    *_TYPES,
    *_TRIGGERS,
    *_VIEWS,
    *_RIGHTS,
    *_MAINTENANCE,
    *_PGVECTOR,
)
