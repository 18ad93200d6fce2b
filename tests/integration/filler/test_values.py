"""Values that the rows of a filled table have."""

from typing import Any, LiteralString

import psycopg
import pytest

from adapter.outbound.migration.rows import Filled, fill
from domain.migration.statistics import NO_ROOM
from tests.integration.filler.tables import KINDS, ROWS, count_of, value_of

pytestmark = pytest.mark.one_major


def test_values_differ_and_some_are_null(empty: psycopg.Connection[Any]) -> None:
    """Rows are no copies of each other, parents are used in turn, and about every seventh free value is missing."""
    empty.execute(KINDS)
    fill(empty, ROWS)
    assert value_of(empty, "SELECT count(DISTINCT bm) FROM every_type") == ROWS
    assert value_of(empty, "SELECT count(DISTINCT tenant_id) FROM shop.members") > ROWS / 2
    assert value_of(empty, "SELECT count(DISTINCT (color, size, mood)) FROM variants") == ROWS
    assert ROWS / 9 < value_of(empty, "SELECT count(*) FROM nullable WHERE c IS NULL") < ROWS / 5
    assert value_of(empty, "SELECT count(*) FROM forest WHERE parent_id IS NOT NULL") > ROWS / 2
    assert value_of(empty, "SELECT count(DISTINCT tableoid) FROM listed") == 2


def test_checks_that_exclude_each_other_column_by_column(empty: psycopg.Connection[Any]) -> None:
    """Where one kind of row alone suits all checks on several columns together, rows are of that kind."""
    empty.execute("""
        CREATE TABLE users (
            id serial PRIMARY KEY, username text NOT NULL UNIQUE, email text UNIQUE, hash bytea, salt bytea,
            client text, ldap text, method text NOT NULL CHECK (method IN ('LOCAL', 'OAUTH2', 'LDAP')),
            CHECK (method = 'LDAP' OR email IS NOT NULL),
            CHECK (method <> 'LOCAL' OR (hash IS NOT NULL AND salt IS NOT NULL AND client IS NULL AND ldap IS NULL)),
            CHECK (method <> 'LDAP' OR (client IS NULL AND (email IS NOT NULL OR ldap IS NOT NULL))),
            CHECK (method <> 'OAUTH2' OR ldap IS NULL),
            CHECK (method = 'LOCAL' OR (hash IS NULL AND salt IS NULL))
        )
    """)
    assert fill(empty, ROWS) == Filled({"public.users": ROWS}, ())


def test_parents_of_the_kind_that_a_child_may_have(empty: psycopg.Connection[Any]) -> None:
    """A check of the child narrows the parents, of which there are then so many more that each child has its own."""
    empty.execute("""
        CREATE TABLE evaluators (
            id serial PRIMARY KEY, name text NOT NULL, kind text NOT NULL CHECK (kind IN ('LLM', 'CODE', 'BUILTIN')),
            UNIQUE (kind, id)
        );
        CREATE TABLE llm_evaluators (
            id int PRIMARY KEY, kind text NOT NULL DEFAULT 'LLM' CHECK (kind = 'LLM'),
            FOREIGN KEY (kind, id) REFERENCES evaluators (kind, id)
        )
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert filled.tables["public.llm_evaluators"] == ROWS
    assert 2 * ROWS < filled.tables["public.evaluators"] == count_of(empty, "public.evaluators")


def test_texts_that_match_patterns(empty: psycopg.Connection[Any]) -> None:
    """LIKE, SIMILAR TO and regular expressions get texts of their form, different ones where they must be."""
    empty.execute(r"""
        CREATE TABLE forms (
            id text PRIMARY KEY CHECK (id LIKE 'usr\_%'),
            reference text NOT NULL UNIQUE CHECK (reference ~ '^[A-Z]{3}-[0-9]{4,}$'),
            card varchar(9) NOT NULL CHECK (card ~ '^\d{4}-\d{4}$'),
            zip text NOT NULL CHECK (zip ~ '^\d{5}(-\d{4})?$'),
            iban text NOT NULL CHECK (iban ~* '^[[:alpha:]]{2}\d{2}( ?[a-z0-9]{4})+$'),
            state text NOT NULL CHECK (state ~ '^(?:draft|live)/[^/]+$'),
            version text NOT NULL CHECK (version SIMILAR TO 'v[0-9]+.[0-9]+(-beta)?')
        )
    """)
    assert fill(empty, ROWS) == Filled({"public.forms": ROWS}, ())
    assert value_of(empty, "SELECT count(DISTINCT reference) FROM forms") == ROWS


def test_checks_on_json_and_on_what_is_generated_from_it(empty: psycopg.Connection[Any]) -> None:
    """Objects get the keys that checks, generated columns and unique indexes look for."""
    empty.execute("""
        CREATE TABLE messages (
            message jsonb NOT NULL, message_id text NOT NULL UNIQUE GENERATED ALWAYS AS (message ->> 'id') STORED,
            CHECK (message_id ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')
        );
        CREATE TABLE settings (value json NOT NULL CHECK (
            value ->> 'mode' IN ('light', 'dark') AND value -> 'mode' IS NOT NULL
        ));
        CREATE TABLE events (body jsonb NOT NULL CHECK (body ? 'name' AND jsonb_typeof(body -> 'name') = 'number'))
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert value_of(empty, "SELECT count(DISTINCT value ->> 'mode') FROM settings") == 2


def test_texts_that_can_be_read_as_something_else(empty: psycopg.Connection[Any]) -> None:
    """When asked for, text that nothing speaks against is readable as JSON, as a number, as a UUID."""
    empty.execute("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, short varchar(8) NOT NULL)")
    conversions: dict[str, LiteralString] = {
        "json": "ALTER TABLE t ALTER v TYPE json USING v::json",
        "double precision": "ALTER TABLE t ALTER v TYPE float8 USING v::float8",
        "uuid": "ALTER TABLE t ALTER v TYPE uuid USING v::uuid",
    }
    for kind, conversion in conversions.items():
        empty.execute("TRUNCATE t")
        assert fill(empty, ROWS, texts_as=kind).problems == ()
        empty.execute(conversion)
        empty.execute("ALTER TABLE t ALTER v TYPE text")
    empty.execute("TRUNCATE t")
    assert fill(empty, ROWS, texts_as="nothing").problems == ()


def test_types_of_extensions(empty: psycopg.Connection[Any]) -> None:
    """Types of hstore, ltree, citext and cube get values, also when the extension's schema is not on the path."""
    offered = value_of(
        empty, "SELECT count(*) FROM pg_available_extensions WHERE name IN ('hstore', 'ltree', 'citext')"
    )
    if offered < 3:
        pytest.skip("the server does not offer these extensions")
    empty.execute("""
        CREATE SCHEMA ext;
        CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION ltree SCHEMA ext; CREATE EXTENSION citext SCHEMA ext;
        CREATE EXTENSION cube SCHEMA ext;
        CREATE TABLE t (
            a ext.hstore NOT NULL CHECK (a OPERATOR(ext.?) 'the key' AND a OPERATOR(ext.?) 'q"'),
            b ext.ltree NOT NULL UNIQUE, c ext.citext NOT NULL UNIQUE, d ext.cube NOT NULL
        )
    """)
    assert fill(empty, ROWS) == Filled({"public.t": ROWS}, ())


def test_a_type_ends_before_the_rows_do(empty_url: str) -> None:
    """Where the numbers of a type run out, the table has no room, and is said to have none."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE settings (id smallint PRIMARY KEY CHECK (id = 1), theme text)")
        connection.execute("INSERT INTO settings VALUES (1, 'dark')")
        connection.execute("CREATE TABLE odd (id smallint PRIMARY KEY CHECK (id % 100 = 1))")
        connection.execute("CREATE TABLE half (id smallint PRIMARY KEY CHECK (id % 2 = 1))")
        found = fill(connection, ROWS * 2)

    assert found.tables["public.half"] == ROWS * 2
    assert 200 <= found.tables["public.odd"] < ROWS * 2
    assert {problem.table for problem in found.problems} == {"public.settings", "public.odd"}
    assert {problem.table for problem in found.problems if NO_ROOM in problem.reason} == {"public.settings"}


def test_checks_against_a_default_hold_in_far_rows(empty: psycopg.Connection[Any]) -> None:
    """Values that meet those of another column only after many rows are not chosen: a day may not be before today."""
    empty.execute("""
        CREATE TABLE tasks (id serial PRIMARY KEY, opened date NOT NULL DEFAULT current_date, closed date,
                            CHECK (closed IS NULL OR closed >= opened))
    """)
    assert fill(empty, 2000) == Filled({"public.tasks": 2000}, ())
    assert value_of(empty, "SELECT count(closed) > 500 AND count(DISTINCT opened) > 500 FROM tasks")


def test_addresses_lie_in_several_networks(empty: psycopg.Connection[Any]) -> None:
    """No condition on a network is met by most rows, and the addresses differ."""
    empty.execute("CREATE TABLE clients (address inet NOT NULL UNIQUE, CHECK (host(address) <> ''))")
    assert fill(empty, ROWS) == Filled({"public.clients": ROWS}, ())
    query = "SELECT max(n) FROM (SELECT count(*) AS n FROM clients GROUP BY network(set_masklen(address, 8))) s"
    assert value_of(empty, query) < ROWS / 2
