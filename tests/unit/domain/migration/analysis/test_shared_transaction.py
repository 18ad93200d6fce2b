"""Revisions that run in one transaction."""

from dataclasses import replace

import pytest

from domain.migration.analysis.revision_analysis import analyze
from domain.migration.analysis.shared_transaction import (
    FAILS,
    JointFailure,
    SharedTransaction,
    judge_together,
    with_needs,
)
from domain.migration.diagnostic import Severity
from domain.migration.locks import LockMode
from domain.migration.trace import RevisionTrace, TableFacts
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, column, index, revision, step

LOCK = revision(
    step("ALTER TABLE users ADD x int", 1, LockMode.ACCESS_EXCLUSIVE), after={**BASE, **column(f"{USERS}.x")}
)
READS = revision(step("ALTER TABLE orders VALIDATE", 1, scanned={ORDERS: 2000}))
SHARED = SharedTransaction("env.py", 7)
HELD = "locks-of-earlier-revisions"


def together(*traces: RevisionTrace) -> list[bool]:
    """Whether each revision works, or locks more, under locks of those before it."""
    judged = judge_together([analyze(trace) for trace in traces], SHARED)
    return [any(one.code == HELD for one in analysis.diagnostics) for analysis in judged]


def test_work_under_the_lock_of_an_earlier_revision() -> None:
    """In one transaction; where each revision has its own, nothing is held."""
    assert together(LOCK, READS) == [False, True]
    assert together(READS, LOCK) == [False, False]
    apart = judge_together([analyze(LOCK), analyze(READS)], None)
    assert not any(one.code == HELD for analysis in apart for one in analysis.diagnostics)


def test_a_light_lock_holds_nobody_up() -> None:
    """Nor does one on a table that the transaction has made."""
    light = revision(step("ALTER TABLE users VALIDATE", 1, LockMode.SHARE_UPDATE_EXCLUSIVE))
    assert together(light, READS) == [False, False]


@pytest.mark.parametrize(
    "ending",
    [
        replace(LOCK, error="NameError: x"),
        replace(LOCK, not_run="r0 fails"),
        replace(LOCK, upgrade=(replace(LOCK.upgrade[0], error="no", sqlstate="42703"),)),
        replace(LOCK, upgrade=(*LOCK.upgrade, step("CREATE INDEX CONCURRENTLY", None))),
    ],
    ids=["error", "not run", "failed statement", "autocommit"],
)
def test_what_ends_the_transaction_frees_its_locks(ending: RevisionTrace) -> None:
    """A failure, and a statement that commits: locks of revisions before it are released."""
    nothing = replace(ending, upgrade=tuple(replace(one, locks={}) for one in ending.upgrade))
    assert together(LOCK, nothing, READS)[-1] is False
    assert together(LOCK, revision(step("SELECT 1")), READS)[-1] is True


def test_a_lock_more_is_a_warning() -> None:
    """On a table that is locked already it is none."""
    orders = revision(step("ALTER TABLE orders ADD x int", 1, locks={ORDERS: LockMode.ACCESS_EXCLUSIVE}))
    judged = judge_together([analyze(LOCK), analyze(orders)], SHARED)
    (more,) = [one for one in judged[1].diagnostics if one.code == HELD]
    assert (more.severity, more.relation) == (Severity.WARNING, ORDERS)
    assert together(LOCK, LOCK) == [False, False]


def test_work_after_the_transaction_has_ended_is_not_under_its_locks() -> None:
    """A statement in a transaction of its own, behind one that commits."""
    later = revision(step("SELECT 1", None), step("ALTER TABLE orders VALIDATE", 2, scanned={ORDERS: 2000}))
    assert together(LOCK, later) == [False, False]


def test_a_joint_failure_is_said_of_its_revision() -> None:
    """With the first line of the error, and how to commit in between; suppressed where the revision says why."""
    traces = [replace(LOCK, revision="r1"), replace(READS, revision="r2")]
    failure = JointFailure("r2", "unsafe use of new value.\nDETAIL: x")
    first, second = judge_together([analyze(trace) for trace in traces], SHARED, failure)
    assert FAILS not in {one.code for one in first.diagnostics}
    (failed,) = [one for one in second.diagnostics if one.code == FAILS]
    assert "unsafe use of new value." in failed.message
    assert "DETAIL" not in failed.message
    assert "transaction_per_migration=True" in str(failed.help)


def test_a_suppression_of_a_lock_is_used() -> None:
    """It is not said to suppress nothing."""
    reason = replace(READS, safety_assured={HELD: "a quiet night"})
    judged = judge_together([analyze(LOCK), analyze(reason)], SHARED)[1]
    (held,) = [one for one in judged.diagnostics if one.code == HELD]
    assert held.suppressed_reason == "a quiet night"
    assert "unused-suppression" not in {one.code for one in judged.diagnostics}


def test_other_diagnostics_stay_beside_those_of_shared_locks() -> None:
    """A suppression of another code is still unused, and what the rules report is still reported."""
    assured = replace(
        READS, safety_assured={HELD: "a quiet night", "table-rewrite": "small"}, downgrade_error="no", restored=None
    )
    alone = analyze(assured)
    judged = judge_together([analyze(LOCK), alone], SHARED)[1]
    (used,) = [one for one in alone.diagnostics if one not in judged.diagnostics]
    assert used.code == "unused-suppression"
    assert HELD in used.message
    assert len(judged.diagnostics) == len(alone.diagnostics)


def test_what_env_py_has_to_leave_to_alembic() -> None:
    """Asked only where a proposed block commits, and said only where env.py has begun the transaction."""
    asked: list[int] = []

    def ask(shared: SharedTransaction | None) -> bool:
        def answer() -> SharedTransaction | None:
            asked.append(1)
            return shared

        build = step("CREATE INDEX ix ON users (email)", 1, LockMode.SHARE, indexes_built=("public.ix",))
        blocking = analyze(revision(build, after={**BASE, **index("ix", USERS)}))
        (analysis,) = with_needs([blocking], answer)
        return any("# First, because autocommit_block()" in str(one.fix) for one in analysis.diagnostics)

    assert ask(SharedTransaction("env.py", 7, begun_outside=True))
    assert not ask(SharedTransaction("env.py", 7))
    assert not ask(None)
    asked.clear()
    assert with_needs([analyze(LOCK)], lambda: asked.append(1)) == [analyze(LOCK)]
    assert asked == []


def test_a_revision_without_statements_or_of_its_own_transaction_leaves_no_lock() -> None:
    """Nothing is held behind it."""
    assert together(revision(), READS) == [False, False]
    alone = revision(replace(LOCK.upgrade[0], transaction=None), after={**BASE, **column(f"{USERS}.x")})
    assert together(alone, READS) == [False, False]
    earlier = revision(
        replace(LOCK.upgrade[0], transaction=1), step("SELECT 1", 2), after={**BASE, **column(f"{USERS}.x")}
    )
    assert together(earlier, READS) == [False, False]


def test_a_table_that_the_transaction_has_made_is_nobodys() -> None:
    """Work on it holds nobody up, though an earlier revision of the transaction made it and locks it."""
    new = "public.new"
    made = revision(step("CREATE TABLE new ()", 1))
    tables = {**made.tables, new: TableFacts(2000, 100_000)}
    lock = revision(step("ALTER TABLE new ADD x int", 1, locks={new: LockMode.ACCESS_EXCLUSIVE}), tables=tables)
    work = revision(step("ALTER TABLE new VALIDATE", 1, scanned={new: 2000}), tables=tables)
    assert together(made, lock, work) == [False, False, False]
    assert together(lock, work) == [False, True]
    ended = revision(*made.upgrade, step("VACUUM users", None))
    assert together(ended, lock, work) == [False, False, True]


def test_one_cause_is_said_once() -> None:
    """A foreign key reads both of its tables, and a later statement works as well: env.py is the cause of all of it."""
    lock = revision(step("ALTER TABLE users ADD COLUMN x int", 1, LockMode.ACCESS_EXCLUSIVE))
    key = step("ALTER TABLE orders ADD FOREIGN KEY", 2, scanned={USERS: 2000, ORDERS: 2000})
    check = step("ALTER TABLE orders VALIDATE", 2, scanned={ORDERS: 2000})
    judged = judge_together([analyze(lock), analyze(revision(key, check))], SHARED)
    (said,) = (diagnostic for diagnostic in judged[1].diagnostics if diagnostic.code == HELD)
    assert said.statement == 0
    assert "reads every row of public.orders and reads every row of public.users" in said.message
    assert ", and 1 further statement works as well, while" in said.message


def test_the_remedy_names_statements_of_env_py() -> None:
    """A statement before context.configure begins a transaction, too, on a connection that is otherwise right."""
    assert "connection.commit() after statements of env.py" in SharedTransaction("env.py", 7, begun_outside=True).remedy


def test_the_lock_that_blocks_most_is_named() -> None:
    """Of one that blocks writes only, and an exclusive one on another table, reads wait for the second."""
    light = revision(step("CREATE TABLE pets (owner int REFERENCES users)", 1, LockMode.SHARE_ROW_EXCLUSIVE))
    exclusive = step("ALTER TABLE orders", 2, locks={ORDERS: LockMode.ACCESS_EXCLUSIVE})
    heavy = replace(revision(exclusive), revision="heavy")
    judged = judge_together([analyze(light), analyze(heavy), analyze(READS)], SHARED)
    (said,) = (diagnostic for diagnostic in judged[2].diagnostics if diagnostic.code == HELD)
    assert "while reads and writes of public.orders wait since revision heavy (ACCESS EXCLUSIVE)" in said.message
