"""Rows at the edges of their types, and foreign keys whose values differ."""

from typing import Any, LiteralString

import psycopg
import pytest

from adapter.bootstrap.verify import VerificationRequest
from adapter.outbound.migration.rows import fill, unmade_edges
from tests.conftest import Server
from tests.history import History
from tests.support import value
from tests.use_cases import verified

ROWS = 200
ZONES = ("Europe/Madrid", "Europe/London", "America/New_York")  # whose clocks skip an hour and repeat another one
# One column a type, and what some of its rows have to show.
SHOWN: dict[str, tuple[str, ...]] = {
    "text": (
        "v <> lower(v)",
        "v <> upper(v)",
        "v <> btrim(v)",
        "v = ''",
        "length(v) > 10000",
        "v LIKE '%,%'",
        "v ~ E'\\n'",
        "octet_length(v) > length(v)",
        "v ~ '^0[0-9]+$'",
        "v IS NULL",
    ),
    "varchar(40)": ("v <> lower(v)", "v <> btrim(v)", "v = ''", "length(v) = 40"),
    "char(8)": ("v <> lower(v)", "length(v) < 8", "length(v) = 8"),
    "smallint": ("v > 30000", "v < 0", "v = 0"),
    "integer": ("v > 32767", "v::real::bigint <> v", "v < 0"),
    "bigint": ("v > 2^31", "v::float8::numeric <> v", "v < 0"),
    "real": ("v <> v::numeric(10, 0)",),
    "double precision": ("v <> v::real::double precision", "v <> v::numeric(12, 2)::double precision"),
    "numeric": ("v <> v::numeric(14, 2)", "v <> v::float8::numeric", "v < 0"),
    "numeric(10, 2)": ("v <> v::numeric(10, 1)", "v > 1000000", "v < 0"),
    "numeric(20, 2)": ("v <> v::float8::numeric(20, 2)", "v >= 1e17"),
    "numeric(78, 0)": ("v <> v::float8::numeric", "v >= 1e77"),
    "timestamp": (
        "v <> v::timestamp(0)",
        "v <> v::timestamp(3)",
        "v AT TIME ZONE 'Europe/London' <> v AT TIME ZONE 'UTC'",
        *(f"v AT TIME ZONE '{zone}' AT TIME ZONE '{zone}' <> v" for zone in ZONES),
        "v < '1970-01-01'",
        "v > '2038-01-20'",
    ),
    "timestamptz": (
        "v <> v::timestamptz(0)",
        "v AT TIME ZONE 'America/New_York' <> v AT TIME ZONE '-05:00'",
        *(f"v AT TIME ZONE '{zone}' AT TIME ZONE '{zone}' <> v" for zone in ZONES),
    ),
    "time": ("v <> v::time(0)",),
    "interval": ("v <> justify_interval(v) OR v::text LIKE '%mon%'", "v < '0'", "v <> v::interval(0)"),
    "date": ("v < '1970-01-01'", "v = '2024-02-29'"),
    "boolean DEFAULT false": ("v", "NOT v", "v IS NULL"),
    "text NOT NULL DEFAULT 'new'": ("v <> lower(v)", "v = ''", "v = 'new'"),
    "mood DEFAULT 'glad'": ("v = 'sad'", "v = 'glad'", "v = 'Upset'"),
    "bytea": ("length(v) = 0", "length(v) > 1000", "get_byte(v || '\\x01', 0) = 0"),
    "json": ("v::text = '{}'", "v::text = 'null'", "json_typeof(v) = 'array'", "v #>> '{deep,no}' = 'false'"),
    "jsonb": ("v = '{}'", "v = 'null'", "jsonb_typeof(v) = 'array'", "v ->> 'whole' > '1'", "v IS NULL"),
    "text[]": ("v = '{}'", "array_position(v, NULL) > 0", "array_to_string(v, '|') LIKE '%,%'", "'' = ANY (v)"),
    "integer[]": ("v = '{}'", "array_position(v, NULL) > 0", "32767 < ANY (v)"),
    "int4range": ("isempty(v)", "lower_inf(v)", "upper_inf(v)"),
    "numrange": ("isempty(v)", "upper_inc(v)", "NOT lower_inc(v)"),
    "tstzmultirange": ("isempty(v)", "upper_inf(v)"),
    "inet": ("family(v) = 6", "masklen(v) < 32"),
    "vector(3)": ("v::real[] @> '{60000}'", "1e-6 > ANY (v::real[]) AND 0 < ALL (v::real[])"),
    "halfvec(4)": ("v::real[] @> '{60000}'",),
    "address": ("(v).street = ''", "(v).street <> lower((v).street)", "(v).number < 0"),
}
TYPES = """
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('glad', 'sad', 'Upset');
CREATE TYPE address AS (street text, number int);
"""


def test_each_type_has_rows_at_its_edges(database: psycopg.Connection[Any]) -> None:
    """A few rows show what a change of case, length, scale, precision, zone or size would lose."""
    database.execute(TYPES)
    for number, kind in enumerate(SHOWN):
        database.execute(f"CREATE TABLE t{number} (id int PRIMARY KEY, v {kind})".encode())
    filled = fill(database, ROWS)

    missing = [
        (kind, condition)
        for number, (kind, conditions) in enumerate(SHOWN.items())
        for condition in conditions
        if not value(database, f"SELECT count(*) FROM t{number} WHERE {condition}")
    ]
    assert missing == []
    assert filled.problems == ()
    assert set(filled.tables.values()) == {ROWS}


def test_an_index_takes_the_longest_text(database: psycopg.Connection[Any]) -> None:
    """A text that is longer than a row of a btree may be is made in a column with an index, as it compresses well."""
    database.execute(
        "CREATE TABLE notes (id serial PRIMARY KEY, name text UNIQUE, body text); CREATE INDEX ON notes (body)"
    )
    assert fill(database, ROWS).problems == ()

    assert value(database, "SELECT max(length(name)) FROM notes") > 10_000
    assert value(database, "SELECT max(length(body)) FROM notes") > 10_000


def test_what_is_unique_stays_unique(database: psycopg.Connection[Any]) -> None:
    """Each edge comes once: unique indexes can be built later, on lower case and without blanks, too."""
    database.execute("CREATE TABLE people (id serial PRIMARY KEY, email text UNIQUE, name text, size numeric, at date)")
    fill(database, ROWS)

    assert value(database, "SELECT count(*) FROM people WHERE email <> lower(email)")
    assert value(database, "SELECT count(*) FROM people") == ROWS
    database.execute("CREATE UNIQUE INDEX ON people (lower(btrim(name)))")
    database.execute("CREATE UNIQUE INDEX ON people (lower(email))")
    database.execute("CREATE UNIQUE INDEX ON people (at) WHERE at < '2024-01-01'")


def test_edges_that_a_constraint_refuses_are_left_out(database: psycopg.Connection[Any]) -> None:
    """A check of one column costs its own edges only; checks on several columns, parents and sequences keep theirs."""
    database.execute("""
        CREATE DOMAIN code AS varchar(9) CHECK (VALUE ~ '^[a-z-]+[0-9]*$');
        CREATE TABLE parent (id bigserial PRIMARY KEY);
        CREATE TABLE child (
            id bigserial PRIMARY KEY, parent_id bigint NOT NULL REFERENCES parent,
            positive int NOT NULL CHECK (positive > 0), name text NOT NULL CHECK (length(name) < 50),
            code code NOT NULL,
            low int NOT NULL, high int NOT NULL, CHECK (low < high), free text NOT NULL, EXCLUDE (free WITH =)
        )
    """)
    filled = fill(database, ROWS)

    assert (filled.problems, filled.tables) == ((), {"public.child": ROWS, "public.parent": ROWS})
    assert value(database, "SELECT max(positive) FROM child") > 2**24
    assert value(database, "SELECT count(*) FROM child WHERE name <> lower(name)")
    assert value(database, "SELECT max(id) FROM child") < 2 * ROWS


def test_rows_are_usual_at_the_beginning_of_a_table(database: psycopg.Connection[Any]) -> None:
    """Who takes the first rows for an example gets none at the edges; more rows bring no edge a second time."""
    database.execute("CREATE TABLE notes (id serial PRIMARY KEY, title text)")
    fill(database, ROWS)
    assert value(database, "SELECT count(*) FROM (SELECT * FROM notes LIMIT 150) n WHERE title <> lower(title)") == 0
    fill(database, 4 * ROWS, edges=False)
    assert value(database, "SELECT count(*) FROM notes WHERE title = ''") == 1


TWICE: LiteralString = """
CREATE TABLE p (id uuid DEFAULT gen_random_uuid() PRIMARY KEY);
CREATE TABLE pairs (
    id serial PRIMARY KEY, a uuid NOT NULL REFERENCES p, b uuid NOT NULL REFERENCES p, c uuid REFERENCES p
);
CREATE TABLE tree (id serial PRIMARY KEY, up int REFERENCES tree, beside int REFERENCES tree);
CREATE TABLE strict (id serial PRIMARY KEY, up int NOT NULL REFERENCES strict);
CREATE TABLE shops (id int PRIMARY KEY);
CREATE TABLE staff (shop int NOT NULL REFERENCES shops, number int NOT NULL, PRIMARY KEY (shop, number));
CREATE TABLE shifts (
    id serial PRIMARY KEY, shop int NOT NULL, first int NOT NULL, second int NOT NULL,
    FOREIGN KEY (shop, first) REFERENCES staff, FOREIGN KEY (shop, second) REFERENCES staff
);
"""


def test_two_keys_to_one_table_differ(database: psycopg.Connection[Any]) -> None:
    """Foreign keys to one parent, to the table itself, and of several columns differ in nearly every row."""
    database.execute(TWICE)
    assert fill(database, ROWS).problems == ()

    assert value(database, "SELECT count(*) FROM pairs WHERE a = b OR a = c OR b = c") == 0
    assert value(database, "SELECT count(*) FROM tree WHERE up = beside OR id IN (up, beside)") == 0
    assert value(database, "SELECT count(*) FROM tree WHERE up <> beside") > ROWS / 2
    assert value(database, "SELECT count(DISTINCT up) FROM strict") > 5
    assert value(database, "SELECT count(*) FROM strict WHERE up <> id") > 0.9 * ROWS
    assert value(database, "SELECT count(*) FROM shifts WHERE first <> second") > 0.9 * ROWS


def test_numbers_that_name_a_row_are_walked_in_ranges(database: psycopg.Connection[Any]) -> None:
    """A backfill that goes from the lowest key to the highest comes to its end: keys are as dense as in real life."""
    database.execute("CREATE TABLE small (id bigint PRIMARY KEY, other bigint, UNIQUE (other))")
    assert fill(database, ROWS).problems == ()
    for column in ("id", "other"):
        width = value(database, f"SELECT max({column}) - min({column}) FROM small")
        assert width < 2 * ROWS


def test_what_could_not_be_made_is_said(database: psycopg.Connection[Any]) -> None:
    """Each edge that no row has is named with what refuses it; a column that has all of them is not named."""
    database.execute(
        """
        CREATE DOMAIN small AS int CHECK (VALUE BETWEEN 1 AND 9);
        CREATE TABLE people (
            id serial PRIMARY KEY, name text, kind text NOT NULL CHECK (kind IN ('a', 'b')), n small,
            short varchar(30) NOT NULL CONSTRAINT filled CHECK (short <> ''), flag boolean NOT NULL
        );
        CREATE TABLE pets (owner int NOT NULL CONSTRAINT has_owner REFERENCES people, low int, high int,
            CONSTRAINT ordered CHECK (low < high));
        CREATE TABLE nothing (id int CHECK (id > 1 AND id < 1) NOT NULL);
        """
    )
    fill(database, ROWS)
    found = unmade_edges(database, {"public.people", "public.pets", "public.nothing"}, ROWS)

    assert found == {
        "public.people.id": "its default gives each row a value of its own",
        "public.people.kind": "none: check people_kind_check",
        "public.people.n": "'20000003', '-1', '0', '100003': type small",
        "public.people.short": "'': check filled",
        "public.pets.owner": "only keys of public.people: foreign key has_owner",
        "public.pets.low": "only what fits check ordered",
        "public.pets.high": "only what fits check ordered",
    }


@pytest.mark.parametrize(
    "kind",
    [
        *("smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "boolean", "uuid", "date"),
        *("timestamp without time zone", "timestamp with time zone", "time", "time with time zone", "interval", "inet"),
        *("cidr", "macaddr", "jsonb"),
    ],
)
def test_texts_of_another_type_are_written_in_several_forms(database: psycopg.Connection[Any], kind: str) -> None:
    """Texts that a type reads are not all written as the type writes them, and stand for different values."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL, code text UNIQUE, short varchar(10) NOT NULL)"
    )
    assert fill(database, ROWS, texts_as=kind).problems == ()
    database.execute("SET lc_monetary = 'C'")

    forms = f"FROM t WHERE v <> (v::{kind})::text"
    assert value(database, f"SELECT count(*) {forms}") > 1
    if kind != "boolean":
        read = f"(v::{kind})::text"
        repeated = f"SELECT count(*) - count(DISTINCT {read}) FROM t WHERE {read} IN (SELECT {read} {forms})"
        assert value(database, repeated) == 0
    if kind in {"integer", "boolean", "date"}:
        assert value(database, f"SELECT count(*) FROM t WHERE short <> (short::{kind})::text") > 1


@pytest.mark.long
def test_a_text_that_loses_its_form_is_no_exact_downgrade(server: Server, history: History) -> None:
    """Leading zeros, capitals and other spellings do not come back from a number, a UUID, a boolean and a date."""
    kinds = {"zip": "integer", "uid": "uuid", "flag": "boolean", "day": "date"}
    columns = ", ".join(f"{name} varchar(40)" for name in kinds)
    history.add("first", None, f'op.execute("CREATE TABLE t (id serial PRIMARY KEY, mail text UNIQUE, {columns})")')
    for name, kind in kinds.items():
        up, down = (f"ALTER TABLE t ALTER {name} TYPE {to} USING {name}::{to}" for to in (kind, "varchar(40)"))
        history.add(name, "first", f'op.execute("{up}")', f'op.execute("{down}")')
    config = history.plain_ini()
    asked = VerificationRequest("first:heads", "round-trip", certificates=config.parent / "c.json")
    proofs = verified(server, config, asked, rows=ROWS).proofs

    found = {proof.analysis.trace.revision: {diagnostic.code for diagnostic in proof.diagnostics} for proof in proofs}
    assert found == {name: {"rows-must-fit", "undeclared-loss"} for name in kinds}
