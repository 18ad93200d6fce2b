"""The models: the same schema as the history's, and what every table must have."""

import psycopg
import pytest
from sqlalchemy import Connection, text

from adapter.outbound.database.metadata import load_metadata
from adapter.outbound.postgres import engine
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.drift import BESIDE_SCHEMAS
from domain.migration.snapshot import SchemaSnapshot
from tests.catalogs import COLUMN_ORDER, assert_equal, catalog
from tests.support import run


def create_all(url: str) -> None:
    """Make the schema from the models."""
    with engine.tooling_engine(DatabaseURL.parse(url)).begin() as connection:
        load_metadata().create_all(connection)


def modeled(url: str) -> SchemaSnapshot:
    """Read what models declare; whether a revision has made the extension stands in the comment on it."""
    objects = catalog(url).objects.items()
    return SchemaSnapshot({key: entry for key, entry in objects if key[0] not in BESIDE_SCHEMAS | {"extension"}})


def test_models_equal_the_history(migrated_url: str, empty_url: str) -> None:
    """The migrated database has the catalog that the models make, column order aside."""
    create_all(empty_url)

    assert_equal(modeled(empty_url), modeled(migrated_url), ignore=COLUMN_ORDER)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users ALTER COLUMN email TYPE varchar(254)",
        "CREATE OR REPLACE FUNCTION set_updated_at() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP TRIGGER trg_users_audit ON users",
        (
            "DROP INDEX idx_chunks_embedding; "
            "CREATE INDEX idx_chunks_embedding ON chunks USING hnsw (embedding vector_l2_ops) WITH (m=16)"
        ),
        (
            "ALTER TABLE orders DROP CONSTRAINT ck_orders_total_amount; "
            "ALTER TABLE orders ADD CONSTRAINT ck_orders_total_amount CHECK (total_amount >= 1)"
        ),
        "COMMENT ON COLUMN users.age IS NULL",
    ],
)
def test_drift_is_found(migrated_url: str, empty_url: str, change: str) -> None:
    """What somebody changed by hand makes the comparison fail."""
    create_all(empty_url)
    with psycopg.connect(migrated_url) as connection:
        connection.execute(change)

    with pytest.raises(AssertionError):
        assert_equal(modeled(empty_url), modeled(migrated_url), ignore=COLUMN_ORDER)


@pytest.mark.few(1)
def test_check_is_clean_at_head(migrated_url: str) -> None:
    """`alembic check` finds no difference at head."""
    result = run("alembic", "check", url=migrated_url)

    assert result.returncode == 0, result.stdout
    assert "No new upgrade operations detected" in result.stdout


@pytest.mark.few(1)
def test_check_finds_what_autogenerate_has_no_operation_for(migrated_url: str) -> None:
    """`alembic check` compares the catalog with what `create_all` makes, too."""
    with psycopg.connect(migrated_url) as connection:
        connection.execute("ALTER TABLE users DISABLE TRIGGER trg_users_set_updated_at")
    result = run("alembic", "check", url=migrated_url)

    assert result.returncode != 0
    assert "  - trigger public.users.trg_users_set_updated_at: enabled is disabled, expected origin" in result.stdout
    assert "alembic revision -m" in result.stdout


def test_everything_has_a_comment() -> None:
    """Every table and every column says what it holds."""
    for table in load_metadata().sorted_tables:
        assert table.comment, table.name
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name}"


def test_foreign_keys_have_an_index(migrated_url: str) -> None:
    """Some index or key begins with the columns of each foreign key, and each says what happens on delete."""
    with psycopg.connect(migrated_url) as connection:
        missing = connection.execute(
            """
            SELECT conname FROM pg_constraint c WHERE contype = 'f' AND (confdeltype = 'a' OR NOT EXISTS (
                SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indpred IS NULL
                AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey))
            """
        ).fetchall()

    assert missing == []


def test_no_index_is_the_prefix_of_another(migrated_url: str) -> None:
    """No btree index is made needless by another of its table."""
    with psycopg.connect(migrated_url) as connection:
        needless = connection.execute(
            """
            SELECT a.indexrelid::regclass::text, b.indexrelid::regclass::text
            FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
            JOIN pg_class ca ON ca.oid = a.indexrelid JOIN pg_class cb ON cb.oid = b.indexrelid
            WHERE ca.relam = cb.relam AND a.indpred IS NOT DISTINCT FROM b.indpred
              AND NOT a.indisunique AND b.indkey::text || ' ' LIKE a.indkey::text || ' %'
              AND a.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
            """
        ).fetchall()

    assert needless == []


def test_updated_at_is_kept_by_the_database(migrated_url: str) -> None:
    """Raw SQL moves `updated_at`; a backfill that says so does not."""
    with psycopg.connect(migrated_url) as connection:
        connection.execute("INSERT INTO users (email, name, updated_at) VALUES ('a@example.org', 'A', '2020-01-01')")
        connection.execute("SET LOCAL app.keep_updated_at = 'on'")
        connection.execute("UPDATE users SET name = 'B'")
        kept = connection.execute("SELECT updated_at < '2021-01-01' FROM users").fetchone()
        connection.execute("SET LOCAL app.keep_updated_at = 'off'")
        connection.execute("UPDATE users SET name = 'C'")
        moved = connection.execute("SELECT updated_at > '2021-01-01' FROM users").fetchone()

    assert (kept, moved) == ((True,), (True,))


def test_deleted_flag_follows_deleted_at(migrated_url: str) -> None:
    """`is_deleted` is generated: it cannot be written, and agrees with `deleted_at`."""
    with psycopg.connect(migrated_url) as connection:
        connection.execute("INSERT INTO products (name, price, deleted_at) VALUES ('A', 1, now()), ('B', 1, NULL)")
        found = connection.execute("SELECT name, is_deleted FROM products ORDER BY 1").fetchall()
        with pytest.raises(psycopg.errors.GeneratedAlways):
            connection.execute("UPDATE products SET is_deleted = false")

    assert found == [("A", True), ("B", False)]


def test_audit_trail(migrated_url: str) -> None:
    """Each change of a business table leaves an event with actor, old and new row, whoever makes it."""
    with psycopg.connect(migrated_url) as connection:
        connection.execute("SELECT set_config('app.actor', 'ana', true)")
        connection.execute("INSERT INTO products (name, price) VALUES ('A', 1)")
        connection.execute("UPDATE products SET price = 2")
        connection.execute("SELECT set_config('app.actor', '', true)")
        connection.execute("DELETE FROM products")
        events = connection.execute(
            "SELECT operation, actor, old_row ->> 'price', new_row ->> 'price', row_id IS NOT NULL "
            "FROM audit_events WHERE table_name = 'products' ORDER BY id"
        ).fetchall()
        user = connection.info.user

    assert events == [
        ("INSERT", "ana", None, "1.00", True),
        ("UPDATE", "ana", "1.00", "2.00", True),
        ("DELETE", user, "2.00", None, True),
    ]


def test_discovery_finds_every_model(empty_url: str) -> None:
    """The metadata holds the tables of every context's models without naming any of them."""
    create_all(empty_url)
    with engine.tooling_engine(DatabaseURL.parse(empty_url)).connect() as connection:
        assert _tables(connection) == {
            "audit_events",
            "chunks",
            "documents",
            "locales",
            "order_products",
            "orders",
            "products",
            "profiles",
            "users",
        }


def _tables(connection: Connection) -> set[str]:
    return set(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
