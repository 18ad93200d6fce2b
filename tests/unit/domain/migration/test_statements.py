"""Which recorded statements are kept, what they are about, and how their file reads."""

import json

import pytest

from adapter.outbound.migration.traffic.recording.sitecustomize import numbered, written
from domain.migration.compatibility import ApplicationStatement
from domain.migration.statements import StatementsError, distinct, from_json, is_of_application, table_of, to_json


def statement(sql: str, *parameters: str | None) -> ApplicationStatement:
    """A recorded one."""
    return ApplicationStatement(sql, table_of(sql), parameters, recorded=True)


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("SELECT a FROM users WHERE b = $1", "public.users"),
        ('select a from "Odd Name" x', 'public."Odd Name"'),
        ("INSERT INTO shop.orders (a) SELECT b FROM users", "shop.orders"),
        ("UPDATE ONLY users SET a = 1", "public.users"),
        ("DELETE FROM users USING orders", "public.users"),
        ("/* from nowhere */ SELECT a -- from here\nFROM users", "public.users"),
        ("SELECT a FROM (SELECT b FROM users) AS u", "public.users"),
        ("SELECT 1", ""),
    ],
)
def test_table(sql: str, table: str) -> None:
    """The table that is written, else the first that is read."""
    assert table_of(sql) == table


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("SELECT a FROM users", True),
        ("WITH x AS (SELECT 1) SELECT a FROM x", True),
        ("INSERT INTO users VALUES ($1)", True),
        ("BEGIN", False),
        ("SET search_path = x", False),
        ("CREATE TABLE x (a int)", False),
        ("select pg_catalog.version()", False),
        ("SELECT set_config($1, $2, true)", False),
        ("SELECT relname FROM pg_class", False),
        ("SELECT version_num FROM alembic_version", False),
    ],
)
def test_kept(sql: str, kept: bool) -> None:
    """Reads and writes of the application's tables alone."""
    assert is_of_application(sql) is kept


def test_one_of_each_form() -> None:
    """Rows of an INSERT and values of an IN differ in number from time to time; the shortest is kept."""
    found = distinct(
        [
            statement("INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)", "1", "2", "3", "4"),
            statement("INSERT INTO t (a, b) VALUES ($1, $2)", "1", "2"),
            statement("SELECT a FROM t WHERE a IN ($1, $2, $3)", "1", "2", "3"),
            statement("SELECT a FROM t WHERE a IN ($1, $2)", "1", "2"),
            statement("SELECT b FROM t WHERE a IN ($1, $2)", "1", "2"),
        ]
    )
    assert {one.sql for one in found} == {
        "INSERT INTO t (a, b) VALUES ($1, $2)",
        "SELECT a FROM t WHERE a IN ($1, $2)",
        "SELECT b FROM t WHERE a IN ($1, $2)",
    }


def test_file() -> None:
    """What is written is read again, in the same order whatever the order before."""
    found = (statement("SELECT a FROM t WHERE b = $1", None), statement("SELECT a FROM s", *["x", "ü"]))
    text = to_json(found)
    assert text == to_json(reversed(found))
    assert set(from_json(text)) == set(found)


@pytest.mark.parametrize(
    ("sql", "given", "expected"),
    [
        ("a = %(x)s AND b = %(y)s OR c = %(x)s", {"x": 1, "y": 2}, ("a = $1 AND b = $2 OR c = $1", [1, 2])),
        ("a LIKE 'x%%' AND b = %s", (3,), ("a LIKE 'x%' AND b = $1", [3])),
        ("a = $1::VARCHAR", (3,), ("a = $1::VARCHAR", [3])),
        ("a LIKE 'x%%'", {}, ("a LIKE 'x%'", [])),
    ],
)
def test_parameters_of_drivers(sql: str, given: object, expected: tuple[str, list[object]]) -> None:
    """Each driver's own way becomes `$1`."""
    assert numbered(sql, given) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (1.5, "1.5"),
        (b"\x01\xff", "\\x01ff"),
        (["a", None, 'b"c\\'], '{"a",NULL,"b\\"c\\\\"}'),
        ([[1, 2], [3, 4]], '{{"1","2"},{"3","4"}}'),
        ({"a": [1]}, '{"a": [1]}'),
    ],
)
def test_values(value: object, text: str | None) -> None:
    """Values are written as Postgres reads them."""
    assert written(value) == text


@pytest.mark.parametrize("change", [{"sql": 1}, {"table": None}, {"parameters": "a"}, {"parameters": [1]}])
def test_a_file_with_a_wrong_value_is_refused(change: dict[str, object]) -> None:
    """A text and a table are texts, and parameters are a list of texts or null."""
    file = json.loads(to_json([statement("SELECT a FROM users WHERE b = $1", "x")]))
    file["statements"][0] |= change
    with pytest.raises(StatementsError, match="cannot be read"):
        from_json(json.dumps(file))
