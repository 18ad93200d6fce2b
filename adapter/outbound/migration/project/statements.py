"""Reads the statements that the agent reports."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapter.outbound.migration.project.agent.protocol import Statement
from adapter.outbound.postgres.redaction import redact, without_quotes
from domain.migration.locks import LockMode
from domain.migration.trace import ChangedObject, RenamedObject, RowCounts, StatementTrace
from domain.wording import readable


def statement_trace(report: Statement) -> StatementTrace:
    """Return the trace of a statement that the agent reported, without secrets."""
    sql, error = redact(report.sql), redact(report.error)
    if error is not None and sql != report.sql:
        error = without_quotes(error)
    error = error and readable(error)
    return StatementTrace(
        sql=sql,
        line=report.line,
        operation=report.operation,
        transaction=report.transaction,
        locks={name: LockMode.parse(mode) for name, mode in report.locks.items()},
        rewritten=tuple(report.rewritten),
        indexes_built=tuple(report.indexes_built),
        built_on=report.built_on,
        scanned=report.scanned,
        rows={name: RowCounts(*counts) for name, counts in report.rows.items()},
        locked=report.locked,
        most_written=report.most_written,
        created=_objects(report.created),
        altered=_objects(report.altered),
        dropped=_objects(report.dropped),
        renamed=tuple(RenamedObject(*names) for names in report.renamed),
        wal_bytes=report.wal_bytes,
        duration_ms=report.duration_ms,
        lock_timeout=report.lock_timeout,
        count=report.count,
        error=error,
        sqlstate=report.sqlstate,
        cannot_run_in_transaction=report.cannot_run_in_transaction,
        sought=_plan_of_search(report.plan),
        searched=_plan_of_search(report.plan_of_search),
        never=bool(report.plan) and _finds_never(report.plan),
        compared=_plans_of_changes([report.plan] if report.plan else report.plans_of_writes),
        used_within=tuple(report.used_within),
        unexplained=tuple(report.unexplained),
        waited_ms=report.waited_ms,
        catalogs=tuple(report.catalogs),
        analyzed=tuple(report.analyzed),
    )


def with_locked(statement: StatementTrace, locked: Mapping[str, int]) -> StatementTrace:
    """Return a statement with further rows that are locked, by table."""
    both = Counter(statement.locked) + Counter(locked)
    return replace(statement, locked=dict(both))


def _objects(pairs: Iterable[tuple[str, str]]) -> tuple[ChangedObject, ...]:
    return tuple(ChangedObject(kind, identity) for kind, identity in pairs)


def _plan_of_search(plan: Any) -> str:
    """Return a plan as JSON when it looks for rows of a table; empty when it does not."""
    from adapter.outbound.migration.rows.sought import looks_for_rows  # an upgrade of a real database has no plan

    try:
        return json.dumps(plan) if plan and looks_for_rows(plan) else ""
    except (KeyError, TypeError, ValueError, RecursionError):  # another version of Postgres has another format
        return ""


def _finds_never(plan: Any) -> bool:
    """Return whether a plan reads nothing, because the planner has shown that its condition is never true."""
    children = plan.get("Plans", ())
    if plan.get("One-Time Filter") == "false":
        return not children
    return plan.get("Node Type") == "ModifyTable" and bool(children) and all(map(_finds_never, children))


def _plans_of_changes(plans: Sequence[Any]) -> tuple[str, ...]:
    """Return as JSON the plans that change or delete the rows of a table that pass some condition."""
    from adapter.outbound.migration.rows.compared import changes_by_values  # as above

    try:
        return tuple(json.dumps(plan) for plan in plans if changes_by_values(plan))
    except (KeyError, TypeError, ValueError, RecursionError):  # another version of Postgres has another format
        return ()


def unseen_only(statements: Sequence[StatementTrace]) -> list[StatementTrace]:
    """Return the statements, where one without rows is not idle when the same statement found rows another time.

    The last run of a loop usually finds no rows.
    """
    working = {(statement.line, statement.sql) for statement in statements if not statement.sought}
    return [
        replace(statement, sought="") if (statement.line, statement.sql) in working else statement
        for statement in statements
    ]
