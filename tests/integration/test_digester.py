"""The digest of rows sees every change of a value, and nothing else."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from adapter.outbound.migration.catalog.digester import KnownRows, digest, digest_again
from adapter.outbound.migration.catalog.written_rows import count_all_rows
from domain.migration.digest import DataDigest, compare
from tests.conftest import Server
from tests.integration.digested import CHANGES, SCHEMA, Change

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """Return the URL of a database that holds the extension vector and `SCHEMA`."""
    forget = "DROP DATABASE IF EXISTS hexalembic_digester WITH (FORCE)"
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(forget)
        admin.execute("CREATE DATABASE hexalembic_digester TEMPLATE template0")
        url = server.url("hexalembic_digester")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE EXTENSION vector SCHEMA public")
            connection.execute(SCHEMA)
        yield url
        admin.execute(forget)


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """Return a connection to the database of `SCHEMA`; what is done there is rolled back in the end."""
    with psycopg.connect(database) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="module")
def before(database: str) -> DataDigest:
    """Return the digest of `SCHEMA`."""
    with psycopg.connect(database) as connection:
        return digest(connection)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_difference_says_what_became_of_the_values(
    connection: Connection, before: DataDigest, change: Change
) -> None:
    """Each change is said in one sentence a column, and what leaves the values alone is no difference."""
    connection.execute(sql.SQL(change.sql))
    assert list(compare(before, digest(connection)).sentences()) == change.sentences
    connection.rollback()
    # Counters do not follow a transaction back; the values do.
    assert digest(connection).tables == before.tables


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("SELECT lo_unlink(41)", "pg_catalog.pg_largeobject: at least 1 of 2 rows gone"),
        ("SELECT lo_unlink(41), lo_unlink(42)", "pg_catalog.pg_largeobject: all 2 rows gone"),
        ("SELECT lo_put(41, 1, 'x')", "pg_catalog.pg_largeobject.data: values changed"),
        ("SELECT lo_from_bytea(43, 'a')", "pg_catalog.pg_largeobject: at least 1 row more"),
        ("GRANT SELECT ON LARGE OBJECT 41 TO PUBLIC", "pg_catalog.pg_largeobject.privileges: values changed"),
        ("COMMENT ON LARGE OBJECT 41 IS 'abc'", "pg_catalog.pg_largeobject.comments: values changed"),
    ],
)
def test_large_objects_are_read(connection: Connection, change: LiteralString, sentence: str) -> None:
    """One that goes, comes, or has other bytes, privileges or comments is a difference; one that comes back is none."""
    none = digest(connection)
    connection.execute("SELECT lo_from_bytea(41, 'abc'), lo_from_bytea(42, '')")
    some = digest(connection)
    connection.execute(change)

    assert list(compare(some, digest(connection)).sentences()) == [sentence]
    assert list(compare(none, some).sentences()) == ["pg_catalog.pg_largeobject: 2 rows more"]
    connection.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    connection.execute("SELECT lo_from_bytea(41, 'abc'), lo_from_bytea(42, '')")
    assert not compare(some, digest(connection))


# Tables whose values may get another text while their rows stay: labels, parts and names are kept elsewhere.
ELSEWHERE = """
CREATE TABLE shop.moods AS SELECT 1 AS id, 'new'::shop.status AS mood;
CREATE TABLE shop.many AS SELECT 1 AS id, ARRAY['new']::shop.status[] AS moods;
CREATE TABLE shop.places AS SELECT 1 AS id, ('street', 'city')::shop.address AS place;
CREATE TABLE shop.links AS SELECT 1 AS id, 'shop.logs'::regclass AS link;
"""
TEXTS = (
    "ALTER TYPE shop.status RENAME VALUE 'new' TO 'fresh'",
    "ALTER TYPE shop.address DROP ATTRIBUTE city",
    "ALTER TABLE shop.logs RENAME TO entries",
    "ALTER TABLE shop.users DROP name; ALTER TABLE shop.users ADD name text DEFAULT 'x'",
    "ALTER TABLE shop.lines DROP note; ALTER TABLE shop.lines ADD note text",
    (
        "ALTER TABLE shop.logs RENAME kind TO other; ALTER TABLE shop.logs RENAME message TO kind;"
        "ALTER TABLE shop.logs RENAME other TO message"
    ),
    "CREATE TABLE copy AS TABLE shop.logs; TRUNCATE shop.logs; INSERT INTO shop.logs TABLE copy; DROP TABLE copy",
    "SAVEPOINT a; DELETE FROM shop.logs; ROLLBACK TO a; UPDATE shop.users SET name = 'x' WHERE id = 1",
    "SELECT setval('shop.things_id_seq', 1)",
    "ALTER SEQUENCE shop.things_id_seq RESTART",
    "UPDATE shop.things SET id = id + 1000 WHERE id = 1",
)


def test_what_is_known_does_not_hide_a_change(connection: Connection) -> None:
    """A digest that reads only what has changed is the same as one that reads all, whatever has changed."""
    connection.execute(ELSEWHERE)
    _, known = digest_again(connection, KnownRows())
    for change in [*(change.sql for change in CHANGES.values()), *TEXTS]:
        connection.execute("SAVEPOINT before")
        connection.execute(sql.SQL(change))
        expected = digest(connection)
        assert digest_again(connection, known)[0] == expected, change
        assert digest_again(connection, known, counts=count_all_rows(connection))[0] == expected, change
        connection.execute("ROLLBACK TO before")


def test_only_tables_that_have_changed_are_read_again(connection: Connection) -> None:
    """Of a table without a new row the known digest stays, whatever it is; the known digests move on with each."""
    _, known = digest_again(connection, KnownRows())
    table, true_digest = known.tables["shop.logs"]
    false_digest = replace(true_digest, whole=1)
    false = replace(known, tables={**known.tables, "shop.logs": (table, false_digest)})
    connection.commit()
    connection.execute("UPDATE shop.users SET name = 'x' WHERE id = 1")
    again, known = digest_again(connection, false)
    assert again.tables["shop.logs"] == false_digest
    assert again.tables["shop.users"] == digest(connection).tables["shop.users"]
    connection.execute("UPDATE shop.logs SET kind = kind")
    assert digest_again(connection, known)[0] == digest(connection)


def test_a_key_that_comes_twice_is_lost_in_jsonb(connection: Connection) -> None:
    """Blanks and the order of keys are no part of a document, a second value under the same key is."""
    connection.execute("""CREATE TABLE shop.docs (id int PRIMARY KEY, doc json);
        INSERT INTO shop.docs VALUES (1, '{"b": 1,   "a": [1,2]}'), (2, '{"a": 1, "a": 2}'), (3, '"\\u0000"')""")
    before = digest(connection)
    connection.execute("UPDATE shop.docs SET doc = doc::jsonb WHERE id = 1")
    assert not compare(before, digest(connection))
    connection.execute("UPDATE shop.docs SET doc = doc::jsonb WHERE id = 2")
    assert [change.subject for change in compare(before, digest(connection)).losses] == ["shop.docs.doc"]
    connection.rollback()


def test_a_sequence_that_counts_on_elsewhere_is_no_loss(connection: Connection) -> None:
    """Only a sequence whose next number is taken does harm."""
    connection.execute("CREATE TABLE shop.few (id serial PRIMARY KEY); SELECT setval('shop.few_id_seq', 90)")
    connection.execute("INSERT INTO shop.few VALUES (3)")
    before = digest(connection)
    connection.execute("SELECT setval('shop.few_id_seq', 3)")
    assert not compare(before, digest(connection))
    connection.execute("SELECT setval('shop.few_id_seq', 2)")
    assert str(compare(before, digest(connection))) == "shop.few_id_seq: counts on from 2, after 90"
    connection.rollback()


def test_a_sequence_without_a_column_must_not_go_back(connection: Connection) -> None:
    """Nobody can tell which numbers of it were given; where a default draws from a sequence, the rows tell it."""
    connection.execute("""
        CREATE SEQUENCE shop.tickets START 100; CREATE SEQUENCE shop.unused; CREATE SEQUENCE shop.numbers;
        CREATE TABLE shop.bills (number bigint DEFAULT nextval('shop.numbers'));
        INSERT INTO shop.bills SELECT FROM generate_series(1, 5);
        SELECT nextval('shop.tickets'), nextval('shop.tickets')
    """)
    before = digest(connection)
    connection.execute("SELECT nextval('shop.tickets'), nextval('shop.unused'), nextval('shop.numbers')")
    assert not compare(before, digest(connection))
    connection.execute("DROP SEQUENCE shop.tickets, shop.unused; CREATE SEQUENCE shop.tickets START 100")
    connection.execute("CREATE SEQUENCE shop.unused; ALTER SEQUENCE shop.numbers RESTART")
    assert [*compare(before, digest(connection)).sentences()] == [
        "shop.numbers: counts on from 0, after 5",
        "shop.tickets: counts on from 0, after 101",
    ]
    connection.rollback()


def test_settings_of_the_session_do_not_matter(connection: Connection, before: DataDigest) -> None:
    """The way values are written does not change a digest; and the settings stay as they were."""
    settings = {
        "search_path": "shop, public",
        "timezone": "Asia/Tokyo",
        "datestyle": "German, DMY",
        "intervalstyle": "sql_standard",
        "bytea_output": "escape",
        "extra_float_digits": "-3",
        "row_security": "on",
    }
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    assert digest(connection).tables == before.tables
    for name, value in settings.items():
        assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (value,)


def test_only_the_wanted_tables_are_read(connection: Connection, before: DataDigest) -> None:
    """Tables are chosen by qualified name."""
    assert digest(connection, ["shop.users"]).tables == {"shop.users": before.tables["shop.users"]}


def test_a_partitioned_table_is_read_once(before: DataDigest) -> None:
    """Its partitions are not tables of their own; the version table is left out."""
    assert set(before.tables) == {f"shop.{name}" for name in ("events", "lines", "logs", "nothing", "things", "users")}
    assert before.tables["shop.events"].rows == 100


def test_an_inherited_table_is_read_by_itself(connection: Connection) -> None:
    """The rows of a child are not counted in its parent as well."""
    connection.execute("CREATE TABLE shop.parent (a int); CREATE TABLE shop.child () INHERITS (shop.parent)")
    connection.execute("INSERT INTO shop.child VALUES (1)")
    found = digest(connection)
    assert [found.tables[name].rows for name in ("shop.parent", "shop.child")] == [0, 1]


def test_a_table_of_1600_columns_is_read(connection: Connection) -> None:
    """As many columns as a table can have fit into the query."""
    columns = ", ".join(f"column_{number} boolean" for number in range(1600))
    connection.execute(sql.SQL(f"CREATE TABLE shop.wide ({columns}); INSERT INTO shop.wide (column_9) VALUES (true)"))
    found = digest(connection).tables["shop.wide"]
    assert sum(column.values for column in found.columns.values()) == 1


def test_hidden_rows_cost_their_table(connection: Connection) -> None:
    """A role that row security shows only some rows gets no digest of those; the table is named, others are read."""
    # The strongest lock first: autovacuum may have the table, and would wait for the row of its grants.
    connection.execute("ALTER TABLE shop.users ENABLE ROW LEVEL SECURITY")
    connection.execute("CREATE ROLE digest_reader; GRANT USAGE ON SCHEMA shop TO digest_reader")
    connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA shop TO digest_reader; SET LOCAL ROLE digest_reader")
    found = digest(connection)
    assert found.unread.keys() == {"shop.users"}
    assert "row-level security" in found.unread["shop.users"]
    assert found.tables["shop.logs"].rows == 200
    assert digest(connection, ["shop.logs"]).unread == {}


def test_what_cannot_be_read_costs_that_table(connection: Connection) -> None:
    """A table that the role may not read, and one whose values have no text, are named and not compared."""
    before = digest(connection)
    connection.execute("CREATE ROLE digest_guest; GRANT USAGE ON SCHEMA shop TO digest_guest")
    connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA shop TO digest_guest")
    connection.execute("REVOKE SELECT ON shop.logs FROM digest_guest")
    connection.execute("CREATE TYPE shop.odd AS (x int); CREATE TABLE shop.odds (x shop.odd)")
    connection.execute("INSERT INTO shop.odds VALUES (ROW(1))")
    connection.execute("GRANT SELECT ON shop.odds TO digest_guest")
    connection.execute(
        "CREATE FUNCTION shop.fails(shop.odd) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'it has no text'; END $$"
    )
    connection.execute("CREATE CAST (shop.odd AS text) WITH FUNCTION shop.fails(shop.odd); SET LOCAL ROLE digest_guest")
    found = digest(connection)
    assert found.unread == {"shop.logs": "permission denied for table logs", "shop.odds": "it has no text"}
    assert not compare(before, found)
    assert not compare(found, before)


def test_nothing_is_written_and_an_open_transaction_goes_on(connection: Connection) -> None:
    """No transaction number is assigned; inside a transaction its changes are seen, and it can write afterwards."""
    connection.execute("SELECT 1")
    digest(connection)
    assert connection.execute("SELECT pg_current_xact_id_if_assigned()").fetchone() == (None,)
    connection.execute("DELETE FROM shop.users")
    assert digest(connection).tables["shop.users"].rows == 0
    connection.execute("DELETE FROM shop.logs")
    assert connection.info.transaction_status == TransactionStatus.INTRANS


@pytest.mark.parametrize("autocommit", [True, False])
def test_an_idle_connection_stays_idle(database: str, before: DataDigest, autocommit: bool) -> None:
    """No transaction is left open, whatever the connection does by default, and whatever form its rows have."""
    with psycopg.connect(database, autocommit=autocommit, row_factory=dict_row) as connection:
        assert digest(connection).tables == before.tables
        assert connection.info.transaction_status == TransactionStatus.IDLE


def test_all_tables_are_of_one_moment(database: str) -> None:
    """An idle connection reads a snapshot: a row that moves between two tables meanwhile is counted once."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE TABLE public.a (x int); CREATE TABLE public.z (x int); INSERT INTO a VALUES (1)")
        done = threading.Event()

        def move() -> None:
            with psycopg.connect(database, autocommit=True) as mover:
                while not done.is_set():
                    mover.execute("WITH gone AS (DELETE FROM a RETURNING x) INSERT INTO z SELECT x FROM gone")
                    mover.execute("WITH gone AS (DELETE FROM z RETURNING x) INSERT INTO a SELECT x FROM gone")

        thread = threading.Thread(target=move)
        thread.start()
        try:
            for _ in range(50):
                found = digest(admin, ["public.a", "public.z"]).tables
                assert found["public.a"].rows + found["public.z"].rows == 1
        finally:
            done.set()
            thread.join()
            admin.execute("DROP TABLE public.a, public.z")


def test_both_majors_give_the_same_digest(before: DataDigest) -> None:
    """The hash is the same on every server, so that a stored digest can be compared."""
    assert before.tables["shop.users"].columns["email"].digest == 9059879518696046708
    assert before.tables["shop.lines"].key == 10175274175380256777
    assert before.tables["shop.logs"].whole == 215554671780775749
