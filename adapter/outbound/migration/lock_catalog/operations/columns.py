"""Operations on columns."""

from adapter.outbound.migration.lock_catalog.operation import NOTE_INDEX, Operation

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
    Operation("Columns", "drop a column with an index", alembic='op.drop_column("orders", "note")', setup=NOTE_INDEX),
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

OPERATIONS = (*_ADDED_COLUMNS, *_OTHER_COLUMNS)
