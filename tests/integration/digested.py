"""Tables of every kind, and changes of them with what their digests must say."""

from dataclasses import dataclass, field

# Columns of every sort of type; tables with a key of one and of two columns, and without one.
SCHEMA = """
CREATE SCHEMA shop;
CREATE TYPE shop.status AS ENUM ('new', 'paid');
CREATE DOMAIN shop.price AS numeric(10, 2);
CREATE DOMAIN shop.fee AS shop.price;
CREATE TYPE shop.address AS (street text, city text);
CREATE TABLE shop.users (
    id integer PRIMARY KEY, email varchar(100) NOT NULL, name text, age integer,
    empty text, "Odd name" text, twice integer GENERATED ALWAYS AS (age * 2) STORED
);
CREATE TABLE shop.lines (order_id uuid, number smallint, note text, PRIMARY KEY (order_id, number));
CREATE TABLE shop.logs (kind text, at timestamptz, message text);
CREATE TABLE shop.things (
    id bigserial PRIMARY KEY, amount numeric(10, 2), fee shop.fee, ratio double precision, small real, at timestamptz,
    day date, span interval, raw bytea, doc json, docs jsonb, status shop.status, address shop.address,
    tags text[], during int4range, words tsvector, embedding vector(3), halves halfvec(3), flag boolean,
    relation regclass
);
CREATE TABLE shop.events (id integer, day integer, kind text, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES IN (1);
CREATE TABLE shop.events_2 PARTITION OF shop.events FOR VALUES IN (2);
CREATE TABLE shop.nothing ();
CREATE TABLE public.alembic_version (version_num varchar(32));
INSERT INTO shop.users
SELECT n, 'user' || n, 'Name ' || n, nullif(n % 10, 0), NULL, n FROM generate_series(1, 200) AS n;
INSERT INTO shop.lines SELECT md5((n % 20)::text)::uuid, n / 20, 'note ' || n FROM generate_series(1, 200) AS n;
INSERT INTO shop.logs SELECT 'kind ' || n % 3, timestamptz '2026-01-01' + n * interval '1 hour', 'text ' || n
  FROM generate_series(1, 200) AS n;
INSERT INTO shop.things
SELECT nextval('shop.things_id_seq'), 1.50 * n, 0.25 * n, 0.1 * n, 0.1 * n,
       timestamptz '2026-03-01' + n * interval '1 day', date '2026-03-01' + n,
       n * interval '90 minutes', decode(lpad(to_hex(n), 4, '0'), 'hex'), '{"a":  1, "a": 2}',
       '{"b": 1, "a": [null]}', 'paid', ('street', 'city ' || n)::shop.address, ARRAY['a', NULL, n::text],
       int4range(n, n + 5), to_tsvector('simple', 'word ' || n),
       format('[0.123456789, 2, %s]', n)::vector, format('[1.5, 2, %s]', n)::halfvec, n % 2 = 0, 'shop.events'
  FROM generate_series(1, 50) AS n;
INSERT INTO shop.events SELECT n, 1 + n % 2, 'kind ' || n FROM generate_series(1, 100) AS n;
"""


@dataclass(frozen=True)
class Change:
    """Statements, and the sentences that the difference has to say; none when no value is changed."""

    sql: str
    sentences: list[str] = field(default_factory=list)


CHANGES = {
    # What was lost.
    "rows deleted": Change("DELETE FROM shop.users WHERE id > 188", ["shop.users: at least 12 of 200 rows gone"]),
    "all rows deleted": Change("TRUNCATE shop.users", ["shop.users: all 200 rows gone"]),
    "rows added": Change("INSERT INTO shop.users VALUES (900, 'x')", ["shop.users: at least 1 row more"]),
    "keys changed": Change("UPDATE shop.users SET id = -id", ["shop.users: rows with other primary keys"]),
    "one value": Change("UPDATE shop.users SET email = 'x' WHERE id = 7", ["shop.users.email: values changed"]),
    "case of one value": Change(
        "UPDATE shop.users SET name = upper(name) WHERE id = 7", ["shop.users.name: values changed"]
    ),
    "column emptied": Change(
        "ALTER TABLE shop.users DROP name; ALTER TABLE shop.users ADD name text",
        ["shop.users.name: all 200 values gone, NULL now"],
    ),
    "some values emptied": Change(
        "UPDATE shop.users SET age = NULL WHERE age = 3", ["shop.users.age: at least 20 of 180 values gone, NULL now"]
    ),
    "NULL filled in": Change("UPDATE shop.users SET empty = ''", ["shop.users.empty: 200 values where NULL was"]),
    "column dropped": Change(
        "ALTER TABLE shop.users DROP age CASCADE", ["shop.users.age: all 180 values gone with the column"]
    ),
    "name with quotes": Change(
        'ALTER TABLE shop.users DROP "Odd name"', ['shop.users."Odd name": all 200 values gone with the column']
    ),
    "empty column dropped": Change("ALTER TABLE shop.users DROP empty"),
    "table dropped": Change("DROP TABLE shop.logs", ["shop.logs: gone with all 200 rows"]),
    "empty table dropped": Change("DROP TABLE shop.nothing"),
    "table created": Change("CREATE TABLE shop.notes AS SELECT 1 AS a", ["shop.notes: new table with 1 row"]),
    "swapped values": Change(
        "UPDATE shop.users SET email = 'user' || (CASE id WHEN 1 THEN 2 ELSE 1 END) WHERE id IN (1, 2)",
        ["shop.users.email: values changed"],
    ),
    "swapped values, key of two columns": Change(
        "UPDATE shop.lines AS a SET note = b.note FROM shop.lines AS b"
        " WHERE a.order_id = b.order_id AND (a.number, b.number) IN ((1, 2), (2, 1))",
        ["shop.lines.note: values changed"],
    ),
    "swapped values, without a key": Change(
        "UPDATE shop.logs AS a SET message = b.message FROM shop.logs AS b"
        " WHERE (a.message, b.message) IN (('text 1', 'text 3'), ('text 3', 'text 1'))",
        ["shop.logs: values moved between rows"],
    ),
    "a value twice, without a key": Change(
        "UPDATE shop.logs SET message = 'text 1' WHERE message IN ('text 2', 'text 3')",
        ["shop.logs.message: values changed"],
    ),
    "partition": Change("DELETE FROM shop.events_1", ["shop.events: at least 50 of 100 rows gone"]),
    "primary key dropped": Change(
        "ALTER TABLE shop.users DROP CONSTRAINT users_pkey",
        ["shop.users: rows not compared, for the primary key came or went"],
    ),
    "digits of a number": Change(
        "ALTER TABLE shop.things ALTER amount TYPE numeric(10, 0)", ["shop.things.amount: values changed"]
    ),
    "digits of a vector": Change(
        "ALTER TABLE shop.things ALTER embedding TYPE halfvec(3)", ["shop.things.embedding: values changed"]
    ),
    "digits of a double": Change(
        "ALTER TABLE shop.things ALTER ratio TYPE real", ["shop.things.ratio: values changed"]
    ),
    "time of day": Change(
        "ALTER TABLE shop.things ALTER at TYPE date",
        ["shop.things.at: values changed"],
    ),
    "key that comes twice in json": Change(
        "ALTER TABLE shop.things ALTER doc TYPE jsonb", ["shop.things.doc: values changed"]
    ),
    "member of an array": Change(
        "UPDATE shop.things SET tags[2] = 'b' WHERE tags[3] = '9'", ["shop.things.tags: values changed"]
    ),
    "counter restarted": Change(
        "ALTER SEQUENCE shop.things_id_seq RESTART", ["shop.things_id_seq: counts on from 0, after 50"]
    ),
    # What was kept.
    "order of rows": Change(
        "CREATE TEMP TABLE kept AS SELECT kind, at, message FROM shop.logs ORDER BY at DESC; TRUNCATE shop.logs;"
        "INSERT INTO shop.logs TABLE kept"
    ),
    "order of columns": Change(
        "ALTER TABLE shop.logs ADD copy text; UPDATE shop.logs SET copy = kind; ALTER TABLE shop.logs DROP kind;"
        "ALTER TABLE shop.logs RENAME copy TO kind"
    ),
    "column renamed": Change("ALTER TABLE shop.users RENAME email TO mail", ["shop.users.email: values kept as mail"]),
    "column of the key renamed": Change(
        "ALTER TABLE shop.users RENAME id TO user_id", ["shop.users.id: values kept as user_id"]
    ),
    "column renamed, without a key": Change(
        "ALTER TABLE shop.logs RENAME message TO body", ["shop.logs.message: values kept as body"]
    ),
    "table renamed": Change("ALTER TABLE shop.users RENAME TO people", ["shop.users: rows kept as shop.people"]),
    "table moved": Change("ALTER TABLE shop.logs SET SCHEMA public", ["shop.logs: rows kept as public.logs"]),
    "key of another integer type": Change("ALTER TABLE shop.users ALTER id TYPE bigint"),
    "key as text": Change("ALTER TABLE shop.lines ALTER order_id TYPE text"),
    "integer as bigint": Change("ALTER TABLE shop.users DROP twice, ALTER age TYPE bigint"),
    "integer as text": Change("ALTER TABLE shop.users DROP twice, ALTER age TYPE text"),
    "varchar as text": Change("ALTER TABLE shop.users ALTER email TYPE text"),
    "more digits of a number": Change(
        "ALTER TABLE shop.things ALTER amount TYPE numeric(12, 4), ALTER fee TYPE numeric"
    ),
    "real as double": Change("ALTER TABLE shop.things ALTER small TYPE double precision"),
    "enum as text": Change("ALTER TABLE shop.things ALTER status TYPE text"),
    "halfvec as vector": Change("ALTER TABLE shop.things ALTER halves TYPE vector(3)"),
    "expression of a generated column": Change(
        "ALTER TABLE shop.users DROP twice, ADD twice integer GENERATED ALWAYS AS (age * 3) STORED"
    ),
    "rows rewritten": Change("UPDATE shop.things SET amount = amount; CLUSTER shop.things USING things_pkey"),
    "index built": Change("CREATE INDEX ON shop.users (email)"),
    "counter that goes on": Change("SELECT nextval('shop.things_id_seq')"),
    "version of Alembic": Change("INSERT INTO alembic_version VALUES ('abc')"),
    "temporary table": Change("CREATE TEMPORARY TABLE users AS SELECT 1 AS id"),
    "materialized view": Change("CREATE MATERIALIZED VIEW shop.sums AS SELECT sum(age) FROM shop.users"),
}
