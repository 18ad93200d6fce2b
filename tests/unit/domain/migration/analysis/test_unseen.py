"""What was to find rows of the sandbox, and found none."""

from dataclasses import replace
from typing import Any

import pytest

from domain.migration.analysis.unseen import (
    found_nothing,
    idle_within,
    is_named,
    keywords,
    read_within,
    top,
    work_not_done,
)
from domain.migration.locks import LockMode
from domain.migration.trace import RowCounts, StatementTrace, TableFacts
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    constraint,
    revision,
    step,
    table,
    updated,
)

IDLE = {USERS: LockMode.ROW_EXCLUSIVE}


@pytest.mark.parametrize(
    ("statement", "nothing"),
    [
        (step("UPDATE users SET name = ''"), True),
        (step("UPDATE users SET name = ''", rows=updated(1)), False),
        (step("UPDATE users SET name = ''", error="no"), False),
        (step("SELECT 1 FROM users"), False),
        (step("SELECT 1 FROM users", sought="plan"), True),
        (step("SELECT f()", used_within=(USERS,), locks=IDLE), True),
        (step("SELECT f()", used_within=(USERS,), locks=IDLE, rows=updated(1)), False),
        (step("SELECT f()", used_within=(USERS,)), True),
        (step("SELECT f()", used_within=(USERS,), created=changed("table", USERS)), False),
        (step("DO $$ SELECT 1 $$", used_within=(USERS,)), False),
        (step("DO $$ UPDATE users $$", used_within=(USERS,)), True),
        (step("SELECT 1; UPDATE users SET name = ''"), True),
        (step("SELECT 1; UPDATE users SET name = ''", rows=updated(1)), False),
    ],
)
def test_what_found_no_row(statement: StatementTrace, nothing: bool) -> None:
    """It was to write rows that it finds, itself or within it, and wrote none."""
    assert found_nothing(statement) is nothing


@pytest.mark.parametrize(
    ("name", "table_name", "named"),
    [
        ("users", USERS, True),
        ("USERS", USERS, True),
        ("public.users", USERS, True),
        ("shop.users", USERS, False),
        ('"Users"', 'public."Users"', True),
        ("user", USERS, False),
    ],
)
def test_a_name_in_a_text(name: str, table_name: str, named: bool) -> None:
    """With or without its schema, whatever the case is."""
    assert is_named(name, table_name) is named


def test_a_partition_stands_for_the_table_at_the_top() -> None:
    """Through all levels; a child of plain inheritance is a table of its own."""
    before: Objects = {
        **table(USERS),
        **table("public.middle", parents=(USERS,), partition_bound="DEFAULT"),
        **table("public.part", parents=("public.middle (detaching)",), partition_bound="DEFAULT"),
        **table("public.child", parents=(USERS,)),
        **table("public.lost", parents=(), partition_bound="DEFAULT"),
    }
    trace = revision(step("SELECT 1"), before=before)
    assert top(trace, "public.part") == USERS
    assert [top(trace, name) for name in (USERS, "public.child", "public.lost")] == [
        USERS,
        "public.child",
        "public.lost",
    ]


def idle(statement: StatementTrace, before: Objects = BASE, **more: Any) -> list[str]:
    """The tables that a statement within one was to write, and did not."""
    return idle_within(revision(statement, before=before, **more), statement)


def test_tables_that_a_statement_within_was_to_write() -> None:
    """They have rows, are locked for writes or named, and none of their rows was written."""
    call = step("CALL f()", locks={**IDLE, ORDERS: LockMode.ACCESS_SHARE}, used_within=(USERS, ORDERS))
    assert idle(call) == [USERS]
    assert idle(replace(call, rows=updated(1))) == []
    assert idle(call, tables={USERS: TableFacts(0, 0)}) == []
    text = "DELETE FROM orders; UPDATE users SET name = ''"
    assert idle(step(text)) == [USERS, ORDERS]
    assert idle(step(text, rows=updated(1))) == [ORDERS]
    assert idle(step("UPDATE users SET name = ''")) == []


def test_rows_that_follow_those_of_another_table() -> None:
    """A key that cascades locks its table: whether rows had to go, depends on what was written there."""
    call = step("SELECT f()", locks={ORDERS: LockMode.ROW_EXCLUSIVE}, used_within=(ORDERS,))
    reference = "FOREIGN KEY (user_id) REFERENCES public.users(id)"
    for action, counts, follows in (
        ("ON DELETE CASCADE", RowCounts(deleted=1), True),
        ("ON DELETE SET NULL", RowCounts(deleted=1), True),
        ("ON DELETE CASCADE", RowCounts(updated=1), False),
        ("ON UPDATE CASCADE", RowCounts(updated=1), True),
        ("ON UPDATE CASCADE", RowCounts(deleted=1), False),
        ("ON DELETE RESTRICT", RowCounts(deleted=1), False),
    ):
        before = {**BASE, **constraint(f"{ORDERS}.fk", "foreign key", f"{reference} {action}")}
        assert idle(replace(call, rows={USERS: counts}), before) == ([] if follows else [ORDERS])
    gone = replace(call, rows={USERS: RowCounts(deleted=1)})
    other = {**BASE, **constraint(f"{USERS}.fk", "foreign key", f"{reference} ON DELETE CASCADE")}
    assert idle(gone, other) == [ORDERS]
    elsewhere = f"{reference.replace('users', 'people')} ON DELETE CASCADE"
    assert idle(gone, {**BASE, **constraint(f"{ORDERS}.fk", "foreign key", elsewhere)}) == [ORDERS]


def test_tables_that_were_only_read_within() -> None:
    """Those that have rows."""
    call = step("SELECT f()", used_within=(USERS, ORDERS, "public.unknown"))
    trace = revision(call, tables={USERS: TableFacts(5, 5), ORDERS: TableFacts(0, 0)})
    assert read_within(trace, call) == [USERS]
    assert read_within(trace, replace(call, rows=updated(1))) == []


def test_keywords_are_neither_names_nor_texts() -> None:
    """LIMIT in a comment, a literal or a quoted name bounds nothing."""
    sql = """UPDATE quotas SET "limit" = 1, note = 'no LIMIT' -- LIMIT\nWHERE id IN (SELECT id FROM old LIMIT 5)"""
    assert keywords(sql).count("limit") == 0
    assert keywords(sql).count("LIMIT") == 1


def test_reading_is_no_work() -> None:
    """A statement that only reads leaves an upgrade without an effect; a lock, a write or a failure is one."""
    source = "from alembic import op\n\n\ndef upgrade():\n    if flag:\n        op.a()\n"
    read = step("SELECT 1 FROM users", locks={USERS: LockMode.ACCESS_SHARE})
    assert work_not_done(revision(read, source=source)) is not None
    for worked in (
        step("SELECT 1 FROM users FOR UPDATE", locks={USERS: LockMode.ROW_SHARE}),
        step("SELECT f()", rows=updated(1)),
        step("SELECT 1", error="no"),
        step("ALTER TABLE users"),
    ):
        assert work_not_done(revision(worked, source=source)) is None
