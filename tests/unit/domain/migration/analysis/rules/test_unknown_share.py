"""The rule `unknown-share`: where it speaks, and where it does not."""

import pytest

from domain.migration.statistics import Statistics, TableStatistics
from domain.migration.trace import RowCounts
from tests.unit.domain.migration.traces import BASE, USERS, codes, index, revision, step, updated

KEYED = {**BASE, **index("users_pkey", USERS, "btree (id)", unique=True)}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE users SET name = 'x' WHERE email = 'done'",
        "UPDATE users SET name = %(name)s WHERE email = %(email)s",
        'UPDATE "users" SET name = NULL WHERE active',
    ],
)
def test_a_condition_that_more_rows_meet_than_it_has_values(sql: str) -> None:
    """The share of made-up rows says nothing of the target's; a small table is nobody's concern."""
    write = step(sql, rows=updated(20))
    assert codes(revision(step(sql, rows=updated(1)), before=KEYED)) == {"unknown-share": "warning"}
    assert codes(revision(write)) == {"unknown-share": "warning"}
    assert "unknown-share" in codes(revision(step(sql, rows={USERS: RowCounts(deleted=20)})))
    assert codes(revision(write), Statistics({USERS: TableStatistics(20)})) == {}


def test_rows_that_are_named_one_by_one() -> None:
    """A condition on keys, a list of values, a batch, and rows behind a foreign key are not reported."""
    for sql, rows in (
        ("UPDATE users SET name = 'x' WHERE id IN (1, 2, 3)", 3),
        ("UPDATE users SET name = email WHERE id IN (1, 2, 3)", 3),
        ("UPDATE users SET name = email WHERE id = 1", 1),
        ("UPDATE users SET name = 'x' WHERE id = ANY(%(ids)s)", 50),
        ("UPDATE users SET name = 'x' WHERE id IN (SELECT id FROM users LIMIT 50)", 50),
        ("DELETE FROM orders WHERE id = 1", 20),
    ):
        assert codes(revision(step(sql, rows=updated(rows)), before=KEYED)) == {}


def test_a_loop_over_rows_that_were_read() -> None:
    """A loop has as many turns as the rows that a SELECT has found; one over constants has always the same number."""
    update = step("UPDATE users SET name = %(name)s WHERE id = %(id)s", rows=updated(20), count=20)
    select = step("SELECT id FROM users WHERE active", scanned={USERS: 2000})
    assert codes(revision(select, update, before=KEYED)) == {"unknown-share": "warning"}
    assert codes(revision(update, before=KEYED)) == {}
