"""Operations on constraints."""

from adapter.outbound.migration.lock_catalog.operation import BOOKED, Operation

OPERATIONS = (
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
        setup=BOOKED.replace("users;", "users NOT VALID;"),
    ),
    Operation(
        "Constraints",
        "drop a foreign key",
        alembic='op.drop_constraint("orders_user_fk", "orders")',
        setup=BOOKED,
        note="reads of both tables stop",
    ),
    Operation(
        "Constraints",
        "make a foreign key deferrable",
        "ALTER TABLE orders ALTER CONSTRAINT orders_user_fk DEFERRABLE",
        setup=BOOKED,
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
