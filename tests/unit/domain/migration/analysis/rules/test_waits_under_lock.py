"""The rule `waits-under-lock`: which idle time counts, and under which lock."""

from typing import Any

import pytest

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, LIGHT, SHARE, diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, revision, step

LOCK = step("ALTER TABLE users ADD COLUMN note text", 1, EXCLUSIVE)
CODE = "waits-under-lock"


def waiting_tables(trace: RevisionTrace) -> list[str | None]:
    """The tables of all diagnostics of the rule."""
    judged = judge(trace, Statistics.unknown(), all_rules())
    return [diagnostic.relation for diagnostic in judged if diagnostic.code == CODE]


@pytest.mark.parametrize(
    ("upgrade", "is_reported"),
    [
        ((LOCK, step("SELECT pg_sleep(0.5)", 1, slept_ms=500.0)), True),
        ((LOCK, step("SELECT pg_sleep(0.5)", 1, slept_ms=499.0)), False),
        ((LOCK, step("SELECT 1", 1, slept_ms=250.0, waited_ms=250.0)), True),
        ((LOCK, step("SELECT 1", 1, waited_ms=500.0)), True),
        ((LOCK, step("SELECT 1", 2, waited_ms=500.0, slept_ms=500.0)), False),
        ((step("SELECT pg_sleep(9)", 1, slept_ms=9000.0), LOCK), False),
        ((step("ALTER TABLE users", 1, EXCLUSIVE, waited_ms=9000.0),), False),
        ((step("ALTER TABLE users", 1, EXCLUSIVE, slept_ms=9000.0),), True),
    ],
)
def test_only_half_a_second_under_the_lock_counts(upgrade: tuple[StatementTrace, ...], is_reported: bool) -> None:
    """Sleep within a statement counts with the lock that the statement takes, time before it does not."""
    assert waiting_tables(revision(*upgrade)) == ([USERS] if is_reported else [])


def test_time_behind_the_last_statement_counts_while_its_transaction_is_open() -> None:
    """An autocommit statement holds nothing afterwards, and a lock of an earlier transaction is released."""
    for upgrade, is_reported in (
        ((LOCK,), True),
        ((step("ALTER TABLE users", None, EXCLUSIVE),), False),
        ((LOCK, step("SELECT 1", 2)), False),
    ):
        assert waiting_tables(revision(*upgrade, waited_ms=800.0)) == ([USERS] if is_reported else [])


@pytest.mark.parametrize(
    ("mode", "who"), [(EXCLUSIVE, "reads and writes"), (SHARE, "writes"), (LIGHT, None), (LockMode.ACCESS_SHARE, None)]
)
def test_a_lock_that_stops_nobody_is_none(mode: LockMode, who: str | None) -> None:
    """The message names what waits."""
    trace = revision(step("LOCK TABLE users", 1, mode), step("SELECT pg_sleep(1)", 1, slept_ms=1000.0))
    assert waiting_tables(trace) == ([USERS] if who else [])
    if who:
        found = diagnostic(trace, CODE)
        assert f": {who} of {USERS} wait as long" in found.message
        assert "waits for 1.0 s" in found.message
        assert found.statement == 0


def test_each_table_is_reported_once() -> None:
    """Several locks on one table are one stall; a second table is another."""
    more = step("LOCK TABLE users, orders", 1, locks={USERS: EXCLUSIVE, ORDERS: SHARE})
    sleep = step("SELECT pg_sleep(1)", 1, slept_ms=1000.0)
    first = step("LOCK TABLE users", 1, SHARE)
    assert sorted(map(str, waiting_tables(revision(first, more, sleep)))) == [ORDERS, USERS]


def test_a_table_that_the_revision_has_emptied_is_not_in_use() -> None:
    """A sequence has no rows that could be gone."""
    sleep = step("SELECT pg_sleep(1)", 1, slept_ms=1000.0)
    emptied = step("TRUNCATE users", 1, EXCLUSIVE, rewritten=(USERS,))
    later = step("ALTER TABLE users ADD COLUMN note text", 2, EXCLUSIVE)
    again = step("SELECT pg_sleep(1)", 2, slept_ms=1000.0)
    assert waiting_tables(revision(emptied, later, again)) == []
    assert waiting_tables(revision(later, again)) == [USERS]
    more: dict[str, Any] = {"before": {**BASE, ("sequence", "public.free"): {}}}
    alter = step("ALTER SEQUENCE free", 1, locks={"public.free": LockMode.SHARE_ROW_EXCLUSIVE})
    assert waiting_tables(revision(alter, sleep, **more)) == ["public.free"]
