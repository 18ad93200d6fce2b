"""The inspector reads the same in every session, and leaves no trace there."""

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from adapter.outbound.migration.catalog.inspector import snapshot
from domain.migration.drift import BESIDE_SCHEMAS
from domain.migration.snapshot import SchemaSnapshot, compare
from tests.integration.inspector.schema import Connection


def test_settings_of_the_session_do_not_matter(connection: Connection) -> None:
    """Neither the search path nor the way values are written changes a snapshot; and they stay as they were."""
    connection.execute(
        "ALTER TABLE shop.users ADD born timestamptz DEFAULT '2000-01-01 00:00+00', ADD f float8 DEFAULT 0.1"
    )
    expected = snapshot(connection)
    settings = {
        "search_path": "shop, public",
        "timezone": "Asia/Tokyo",
        "datestyle": "German, DMY",
        "intervalstyle": "sql_standard",
        "quote_all_identifiers": "on",
        "extra_float_digits": "0",
    }
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    assert str(compare(expected, snapshot(connection))) == "no difference"
    for name, value in settings.items():
        assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (value,)


def test_a_role_without_rights_reads_the_same(connection: Connection, before: SchemaSnapshot) -> None:
    """The catalogs are open to everybody; roles are read by one that may change them."""
    expected = {key: entry for key, entry in before.objects.items() if key[0] != "role"}
    connection.execute("SET LOCAL ROLE app_reader")
    assert snapshot(connection) == SchemaSnapshot(expected)


def test_kinds_can_be_left_out(connection: Connection, before: SchemaSnapshot) -> None:
    """Whoever compares schemas does not read what belongs to the server or to the rows."""
    read = {kind for kind, _ in snapshot(connection, exclude_kinds=BESIDE_SCHEMAS).objects}
    assert read == {kind for kind, _ in before.objects} - BESIDE_SCHEMAS


def test_nothing_stronger_than_access_share_is_locked(committed: Connection) -> None:
    """Beside a session that leaves room for ACCESS SHARE only, on tables and catalogs, the snapshot is read."""
    with psycopg.connect(committed.info.dsn) as other:
        for schema, name in committed.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'pg_catalog')"
        ).fetchall():
            other.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(str(schema), str(name))))
        committed.execute("SET lock_timeout = '1s'")
        assert ("table", "public.pets") in snapshot(committed).objects


def test_nothing_is_written(connection: Connection) -> None:
    """No transaction number is assigned, which every write would need."""
    connection.execute("SELECT 1")
    snapshot(connection)
    assert connection.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)


@pytest.mark.parametrize("autocommit", [True, False])
def test_an_idle_connection_stays_idle(database: str, autocommit: bool) -> None:
    """No transaction is left open, whatever the connection does by default."""
    with psycopg.connect(database, autocommit=autocommit) as connection:
        snapshot(connection)
        assert connection.info.transaction_status == TransactionStatus.IDLE


def test_an_open_transaction_goes_on(connection: Connection) -> None:
    """Inside a transaction its own changes are seen, and it can write afterwards."""
    connection.execute("CREATE TABLE shop.later (id int)")
    assert ("table", "shop.later") in snapshot(connection).objects
    connection.execute("INSERT INTO shop.later VALUES (1)")
    assert connection.info.transaction_status == TransactionStatus.INTRANS


def test_the_row_factory_of_the_connection_does_not_matter(database: str, before: SchemaSnapshot) -> None:
    """A connection that gives rows as dictionaries is read all the same."""
    with psycopg.connect(database, row_factory=dict_row) as connection:
        assert snapshot(connection) == before
