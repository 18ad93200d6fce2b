"""The inspector sees no difference where there is none, and leaves out what is not the schema's."""

import re

import psycopg
import pytest
from psycopg import sql

from adapter.outbound.migration.catalog.inspector import snapshot
from domain.migration.snapshot import SchemaSnapshot, compare
from tests.integration.inspector.schema import SCHEMA, Connection


def test_a_name_keeps_its_quotes(connection: Connection) -> None:
    """Names in keys are written as SQL would have to."""
    connection.execute('CREATE SCHEMA "My"; CREATE TABLE "My"."a.b" ("select" int)')
    assert ("column", '"My"."a.b"."select"') in snapshot(connection).objects


def test_a_column_that_came_and_went_leaves_no_trace(connection: Connection) -> None:
    """Dropped columns do not count, not even in the position of later ones."""
    connection.execute("CREATE TABLE shop.plain (a int, b int)")
    expected = snapshot(connection)
    connection.execute("DROP TABLE shop.plain; CREATE TABLE shop.plain (a int, gone text)")
    connection.execute("ALTER TABLE shop.plain DROP gone; ALTER TABLE shop.plain ADD b int")
    assert snapshot(connection) == expected


def test_two_histories_of_one_schema_differ_in_the_position_of_columns_only(connection: Connection) -> None:
    """The order of statements is not part of a schema, the order of columns is, unless it is ignored."""
    one = """
        CREATE SCHEMA histories;
        CREATE TABLE histories.a (id int PRIMARY KEY, x text NOT NULL DEFAULT 'x', y int UNIQUE CHECK (y > 0));
        CREATE TABLE histories.b (a_id int REFERENCES histories.a);
        CREATE INDEX b_a_id ON histories.b (a_id);
        GRANT SELECT ON histories.a TO app_reader, app_owner;
    """
    other = """
        CREATE SCHEMA histories;
        CREATE TABLE histories.b (a_id int);
        CREATE INDEX b_a_id ON histories.b (a_id);
        CREATE TABLE histories.a (y int);
        GRANT SELECT ON histories.a TO app_owner;
        ALTER TABLE histories.a ADD x text, ADD id int, ADD CHECK (y > 0) NOT VALID, ADD UNIQUE (y);
        ALTER TABLE histories.a VALIDATE CONSTRAINT a_y_check;
        ALTER TABLE histories.a ALTER x SET DEFAULT 'x', ALTER x SET NOT NULL, ADD PRIMARY KEY (id);
        ALTER TABLE histories.b ADD FOREIGN KEY (a_id) REFERENCES histories.a NOT VALID;
        ALTER TABLE histories.b VALIDATE CONSTRAINT b_a_id_fkey;
        GRANT SELECT ON histories.a TO app_reader;
    """
    connection.execute(one)
    expected = snapshot(connection)
    connection.execute("DROP SCHEMA histories CASCADE")
    connection.execute(other)
    actual = snapshot(connection)
    assert {change.attribute for change in compare(expected, actual).changed} == {"position"}
    assert str(compare(expected, actual, ignore={"position"})) == "no difference"


def test_a_partition_that_was_attached_equals_one_that_was_created(connection: Connection) -> None:
    """Both ways to a partition give the same schema."""
    connection.execute(
        "CREATE TABLE shop.events_2027 PARTITION OF shop.events FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')"
    )
    expected = snapshot(connection)
    connection.execute(
        "DROP TABLE shop.events_2027; CREATE TABLE shop.events_2027 (at timestamptz NOT NULL, kind text)"
    )
    connection.execute(
        "ALTER TABLE shop.events ATTACH PARTITION shop.events_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')"
    )
    assert str(compare(expected, snapshot(connection))) == "no difference"


def test_the_partitions_a_foreign_key_refers_to_do_not_count(connection: Connection) -> None:
    """The rows Postgres keeps for each referenced partition are not constraints of the schema."""
    connection.execute(
        "ALTER TABLE shop.events ADD PRIMARY KEY (at); CREATE TABLE shop.notes (at timestamptz REFERENCES shop.events)"
    )
    names = [
        name for kind, name in snapshot(connection).objects if kind == "constraint" and name.startswith("shop.notes.")
    ]
    assert names == ["shop.notes.notes_at_fkey"]


def test_no_oid_appears(connection: Connection, before: SchemaSnapshot) -> None:
    """The schema made anew, under other OIDs, gives the same snapshot; and no OID of its objects is written in it."""
    oids = {
        str(oid)
        for catalog in ("pg_class", "pg_type", "pg_proc", "pg_constraint", "pg_namespace", "pg_trigger", "pg_policy")
        for (oid,) in connection.execute(
            sql.SQL("SELECT oid FROM {} WHERE oid >= 16384").format(sql.Identifier(catalog))
        )
    }
    assert oids.isdisjoint(re.findall(r"\d+", before.to_json()))
    connection.execute("DROP PUBLICATION feed; DROP FOREIGN DATA WRAPPER nowhere CASCADE; DROP SCHEMA shop CASCADE")
    connection.execute(SCHEMA)
    assert str(compare(before, snapshot(connection))) == "no difference"


def test_a_snapshot_survives_json(connection: Connection) -> None:
    """What was read, written and read again is the same."""
    found = snapshot(connection)
    assert SchemaSnapshot.from_json(found.to_json()) == found


def test_members_of_extensions_are_left_out(connection: Connection) -> None:
    """The functions and types of pgvector are the extension's, an object made beside them is not."""
    connection.execute("CREATE FUNCTION public.mine(vector) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    public = [key for key in snapshot(connection).objects if key[1].startswith("public.")]
    assert public == [("function", "public.mine(public.vector)")]


def test_passwords_are_not_read(before: SchemaSnapshot) -> None:
    """Of a user mapping only that it is there is read."""
    assert ("user mapping", "far for public") in before.objects
    assert "secret" not in before.to_json()


def test_the_version_table_is_left_out(connection: Connection, before: SchemaSnapshot) -> None:
    """Alembic's own table does not count, nor what belongs to it, unless it is asked for."""
    connection.execute(
        "CREATE TABLE shop.alembic_version (version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY)"
    )
    assert snapshot(connection) == before
    assert snapshot(connection, exclude_tables={"shop.alembic_version"}) == before
    difference = compare(before, snapshot(connection, exclude_tables=()))
    assert set(difference.unexpected) == {
        ("table", "shop.alembic_version"),
        ("column", "shop.alembic_version.version_num"),
        ("constraint", "shop.alembic_version.alembic_version_pkc"),
        ("index", "shop.alembic_version_pkc"),
    }


def test_an_excluded_table_takes_its_sequence_along(connection: Connection, before: SchemaSnapshot) -> None:
    """A sequence that a column owns belongs to the table."""
    connection.execute("CREATE TABLE shop.journal (id serial PRIMARY KEY)")
    assert snapshot(connection, exclude_tables={"journal"}) == before


def test_temporary_tables_do_not_count(connection: Connection, before: SchemaSnapshot) -> None:
    """What ends with the session is not part of the schema, even if it hides a table of it."""
    connection.execute("CREATE TEMPORARY TABLE users (id int); CREATE TEMPORARY VIEW pg_class AS SELECT 1 AS oid")
    assert snapshot(connection) == before


def test_rows_do_not_count(connection: Connection, before: SchemaSnapshot) -> None:
    """Data, counters of sequences and statistics are not part of the schema."""
    connection.execute(
        "INSERT INTO shop.users (email) SELECT 'a' || n FROM generate_series(1, 1) AS n; ANALYZE shop.users"
    )
    connection.execute("SELECT nextval('shop.numbers'); ALTER SEQUENCE shop.numbers RESTART 500")
    assert snapshot(connection) == before


def test_a_failed_concurrent_index_is_seen(committed: Connection) -> None:
    """The invalid index that a failed CREATE INDEX CONCURRENTLY leaves is not taken for a valid one."""
    committed.execute("INSERT INTO people SELECT n, 'same' FROM generate_series(1, 2) AS n")
    with pytest.raises(psycopg.errors.UniqueViolation):
        committed.execute("CREATE UNIQUE INDEX CONCURRENTLY people_name ON people (name)")
    invalid = snapshot(committed)
    committed.execute("DELETE FROM people; REINDEX INDEX people_name")
    assert "index public.people_name: valid is false, expected true" in str(compare(snapshot(committed), invalid))
