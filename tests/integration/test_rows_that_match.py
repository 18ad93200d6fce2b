"""Rows are made for statements that find none: by what the server says that they compared."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.rows import Statement, fill, fill_matching

ROWS = 200
TABLES = """
CREATE TYPE mood AS ENUM ('glad', 'sad', 'lost');
CREATE TABLE users (
    id bigserial PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, name text, age int CHECK (age > 0), role text,
    created timestamptz DEFAULT now(), feeling mood, tags text[], settings jsonb, old json, active boolean
);
CREATE TABLE orders (
    id serial PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, state text NOT NULL
        CHECK (state IN ('new', 'paid', 'sent')), total numeric(10, 2), code text
);
CREATE TABLE lines (
    order_id int NOT NULL REFERENCES orders, place int NOT NULL, label text, PRIMARY KEY (order_id, place)
);
CREATE TABLE codes (code text PRIMARY KEY, meaning text);
CREATE TABLE profiles (user_id bigint PRIMARY KEY REFERENCES users, bio text);
CREATE TABLE config (id int PRIMARY KEY CHECK (id = 1), value text NOT NULL);
CREATE TABLE "Odd Name" ("Key" int PRIMARY KEY, "a.b" text);
CREATE TABLE events (at date NOT NULL, kind text, n int) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
"""
FOUND = {
    "a word": "UPDATE users SET name = 'x' WHERE role = 'editor in chief'",
    "several words": "UPDATE users SET name = 'x' WHERE role IN ('a one', 'b two') AND active",
    "a unique word": "UPDATE users SET name = 'x' WHERE email = 'admin@example.com'",
    "a number": "DELETE FROM codes USING users WHERE users.age = 77777 AND users.name = codes.code",
    "a key": "UPDATE users SET name = 'x' WHERE id = 987654",
    "a foreign key": "UPDATE orders SET code = 'x' WHERE user_id = 987654",
    "no value": "UPDATE users SET role = 'x' WHERE role IS NULL AND name = 'the one' AND settings IS NULL",
    "a pattern": "UPDATE users SET role = 'x' WHERE name LIKE 'Dr. %'",
    "a regular expression": "UPDATE users SET role = 'x' WHERE name ~ '^[A-Z]{3}-\\d+$'",
    "a function of a column": "UPDATE users SET role = 'x' WHERE lower(name) = 'ada lovelace'",
    "a label": "UPDATE orders SET code = 'x' FROM users u WHERE u.id = user_id AND u.feeling = 'lost'"
    " AND u.name = 'me'",
    "long texts": "UPDATE users SET name = left(name, 900) WHERE length(name) > 11000",
    "an old day": "DELETE FROM lines USING orders o JOIN users u ON u.id = o.user_id WHERE o.id = order_id"
    " AND u.created < '1850-01-01'",
    "a key of JSON": "UPDATE users SET name = 'x' WHERE settings ->> 'theme' = 'dark'",
    "a path of JSON": "UPDATE users SET name = 'x' WHERE settings -> 'mail' ->> 'sent' = 'daily'",
    "a path in one": "UPDATE users SET name = 'x' WHERE settings #>> '{mail,sent}' = 'daily'",
    "a contained document": """UPDATE users SET name = 'x' WHERE settings @> '{"mail": {"sent": true}}'""",
    "a key that is there": "UPDATE users SET settings = settings - 'legacy' WHERE settings ? 'legacy'",
    "old JSON": "UPDATE users SET name = 'x' WHERE old ->> 'kind' = 'legacy'",
    "an array": "UPDATE users SET name = 'x' WHERE 'vip' = ANY (tags)",
    "an array in one": "UPDATE users SET name = 'x' WHERE tags @> ARRAY['vip', 'new']",
    "a parent": "UPDATE orders SET code = 'x' FROM users u WHERE u.id = user_id AND u.email = 'root@example.com'",
    "a parent's parent": "UPDATE lines SET label = 'x' FROM orders o, users u WHERE o.id = order_id"
    " AND u.id = o.user_id AND u.role = 'guest of honor' AND o.state = 'sent'",
    "a join without a key": "UPDATE orders o SET total = 1 FROM codes c WHERE c.code = o.code AND c.meaning = 'rebate'",
    "a subquery": "DELETE FROM orders o WHERE NOT EXISTS (SELECT FROM lines l WHERE l.order_id = o.id)"
    " AND code = 'void'",
    "IN a subquery": "UPDATE profiles SET bio = 'x' WHERE user_id IN (SELECT id FROM users WHERE role = 'bot')",
    "NOT IN a subquery": "DELETE FROM codes WHERE code NOT IN (SELECT code FROM orders WHERE code IS NOT NULL)"
    " AND meaning = 'unused'",
    "one value of a subquery": "UPDATE orders SET code = 'x' WHERE user_id ="
    " (SELECT id FROM users WHERE email = 'a@b.c')",
    "a query of its own": "WITH gone AS MATERIALIZED (SELECT id FROM users WHERE role = 'left us')"
    " DELETE FROM profiles p USING gone WHERE p.user_id = gone.id",
    "an INSERT": "INSERT INTO codes SELECT 'u' || id, name FROM users WHERE role = 'to be coded' ",
    "an absent child": "INSERT INTO profiles SELECT u.id FROM users u LEFT JOIN profiles p ON p.user_id = u.id"
    " WHERE p.user_id IS NULL AND u.role = 'shy'",
    "a list of values": "UPDATE users u SET name = v.b FROM (VALUES ('adm', 'Admin'), ('usr', 'User')) v (a, b)"
    " WHERE u.role = v.a",
    "one row only": "UPDATE config SET value = 'new' WHERE value = 'old'",
    "names with capitals": """UPDATE "Odd Name" SET "a.b" = 'y' WHERE "a.b" = 'x.y AND z'""",
    "a partition": "UPDATE events SET n = 1 WHERE kind = 'party' AND at > '2021-06-01'",
    "two rows alike": "DELETE FROM users a USING users b WHERE a.id < b.id AND a.name = b.name AND a.name = 'twin'",
    "a SELECT": "SELECT * FROM users WHERE name = 'nobody' AND age BETWEEN 300 AND 400",
}


@pytest.fixture
def database(empty_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to a database whose tables are filled."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(TABLES.encode())
        fill(connection, ROWS)
        yield connection


def found(connection: psycopg.Connection[Any], sql: str) -> tuple[int, Any]:
    """Return how many rows a statement finds, which is undone, and its plan."""
    with connection.transaction(force_rollback=True):
        row = connection.execute(f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) {sql}".encode()).fetchone()
        assert row is not None
        return connection.execute(sql.encode()).rowcount, row[0][0]["Plan"]


@pytest.mark.long
def test_each_finds_its_rows(database: psycopg.Connection[Any]) -> None:
    """What finds no made-up row finds some when rows were made by its plan, which the usual rows do not suffer from."""
    left = {}
    for name, sql in FOUND.items():
        with database.transaction(force_rollback=True):
            before, plan = found(database, sql)
            fill_matching(database, [Statement(sql, plan)], ROWS)
            left[name] = (before, found(database, sql)[0] > 0)

    assert left == dict.fromkeys(FOUND, (0, True))


def test_what_cannot_be_made_is_left(database: psycopg.Connection[Any]) -> None:
    """Where nobody can make a row that passes, none is added."""
    for sql in (
        "UPDATE users SET name = 'x' WHERE md5(name) = 'no such hash'",
        "UPDATE users SET name = 'x' WHERE age < 0",
        "UPDATE orders SET code = 'x' WHERE state = 'unheard of'",
        "UPDATE orders SET code = 'x' WHERE false",
        "DELETE FROM config WHERE id = 2",
    ):
        before, plan = found(database, sql)
        made = fill_matching(database, [Statement(sql, plan)], ROWS).rows
        assert (before, made, found(database, sql)[0]) == (0, 0, 0)


def test_matching_rows_have_edges(database: psycopg.Connection[Any]) -> None:
    """The other columns of rows that match have values at their edges: a loss there is seen."""
    sql = "UPDATE users SET name = lower(name) WHERE role = 'to be lowered'"
    fill_matching(database, [Statement(sql, found(database, sql)[1])], ROWS)
    changed = found(database, sql.replace("lowered'", "lowered' AND name <> lower(name)"))[0]
    untouched = found(database, "SELECT FROM users WHERE role <> 'to be lowered'")[0]

    assert changed > 0
    assert untouched > ROWS / 2
