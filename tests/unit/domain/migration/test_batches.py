"""Statements that write a whole table, as loops over its key."""

import ast

import pytest

from domain.migration.forms.batches import in_batches

KEY = "id IN (SELECT id FROM public.users WHERE id >= :first ORDER BY id LIMIT 500)"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("UPDATE users SET active = true", f"UPDATE users SET active = true WHERE {KEY}"),
        ("DELETE FROM users", f"DELETE FROM users WHERE {KEY}"),
        (
            "UPDATE public.users SET active = true, note = 'a:b ' || \"Name\" WHERE active IS NULL OR note = ' :c';",
            (
                "UPDATE public.users SET active = true, note = 'a:b ' || \"Name\" "
                rf"WHERE (active IS NULL OR note = ' \:c') AND {KEY}"
            ),
        ),
        (
            "DELETE FROM users WHERE name IS DISTINCT FROM 'x'",
            f"DELETE FROM users WHERE (name IS DISTINCT FROM 'x') AND {KEY}",
        ),
        ('DELETE FROM PUBLIC."users"', f'DELETE FROM PUBLIC."users" WHERE {KEY}'),
        ("DELETE FROM Users\nWHERE id > 3", f"DELETE FROM Users WHERE (id > 3) AND {KEY}"),
        (
            "UPDATE users SET n = (SELECT max(x) FROM other WHERE other.id = users.id)",
            f"UPDATE users SET n = (SELECT max(x) FROM other WHERE other.id = users.id) WHERE {KEY}",
        ),
    ],
)
def test_a_batch(sql: str, expected: str) -> None:
    """The condition of the batch is added to the statement's own; what it says stays as it is."""
    code = in_batches(sql, "public.users", "id")
    assert code is not None
    texts = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    assert expected in texts


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE users SET total = total + 1",
        "UPDATE users SET a = b, b = a",
        "UPDATE users SET (a, b) = (1, 2)",
        "UPDATE users SET name = o.name FROM other AS o",
        "UPDATE users AS u SET name = ''",
        "DELETE FROM users USING other",
        "WITH x AS (SELECT 1) UPDATE users SET a = 1",
        "UPDATE users SET a = %(a)s",
        "TRUNCATE users",
        "UPDATE users",
        "UPDATE users SET a = %s",
        "DELETE FROM users WHERE (SELECT count(*) FROM users x WHERE x.name = users.name) > 1",
        "DELETE FROM users WHERE id NOT IN (SELECT max(o.id) FROM other o JOIN public.users USING (id))",
        "DELETE FROM teams",
        'DELETE FROM "Users"',
    ],
)
def test_no_batch(sql: str) -> None:
    """What would come out differently when a batch runs twice, or cannot be cut, is left to a person."""
    assert in_batches(sql, "public.users", "id") is None


def test_a_key_of_several_columns() -> None:
    """Rows are compared with the first key of the batch, and the next key is read as a row."""
    code = in_batches("UPDATE parts SET note = '' WHERE note IS NULL", "public.parts", "id", '"No"')
    assert code is not None
    texts = [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    rows = 'FROM public.parts WHERE (id, "No") >= (:first_1, :first_2) ORDER BY id, "No"'
    assert (
        f'UPDATE parts SET note = \'\' WHERE (note IS NULL) AND (id, "No") IN (SELECT id, "No" {rows} LIMIT 500)'
        in texts
    )
    assert f'SELECT id, "No" {rows} OFFSET 500 LIMIT 1' in texts


def test_a_key_that_rows_of_children_repeat() -> None:
    """Each key is read once, so that the loop goes on behind a key that more rows have than a batch holds."""
    code = str(in_batches("DELETE FROM users", "public.users", "id", is_unique=False))
    rows = "SELECT DISTINCT id FROM public.users WHERE id >= :first ORDER BY id"
    assert f'"{rows} OFFSET 500 LIMIT 1"' in code
    assert f"id IN ({rows} LIMIT 500)" in code


@pytest.mark.parametrize("assignment", ["id = 7", '"No" = 1', "note = 'x', no = 2"])
def test_an_update_of_the_key_has_no_batch(assignment: str) -> None:
    """It would take its rows out of the order in which the loop goes through them."""
    assert in_batches(f"UPDATE parts SET {assignment}", "public.parts", "id", '"No"') is None
