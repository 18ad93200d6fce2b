"""Reads the statements that the agent reports."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapter.outbound.migration.rows.compared import updates_by_values
from adapter.outbound.migration.rows.sought import looks_for_rows
from adapter.outbound.postgres.redaction import redact, without_quotes
from domain.migration.locks import LockMode
from domain.migration.trace import ChangedObject, RowCounts, StatementTrace
from domain.wording import readable


def statement_trace(message: Mapping[str, Any]) -> StatementTrace:
    """Return the trace of a statement that the agent reported, without secrets."""

    def objects(name: str) -> tuple[ChangedObject, ...]:
        return tuple(ChangedObject(kind, identity) for kind, identity in message.get(name, ()))

    sql, error = redact(message["sql"]), redact(message.get("error"))
    if error is not None and sql != message["sql"]:
        error = without_quotes(error)
    error = error and readable(error)
    return StatementTrace(
        sql=sql,
        line=message.get("line"),
        operation=message.get("operation"),
        transaction=message.get("transaction"),
        locks={name: LockMode.parse(mode) for name, mode in message.get("locks", {}).items()},
        rewritten=tuple(message.get("rewritten", ())),
        indexes_built=tuple(message.get("indexes_built", ())),
        built_on=dict(message.get("built_on", {})),
        scanned=dict(message.get("scanned", {})),
        rows={name: RowCounts(*counts) for name, counts in message.get("rows", {}).items()},
        locked=dict(message.get("locked", {})),
        most_written=dict(message.get("most_written", {})),
        created=objects("created"),
        altered=objects("altered"),
        dropped=objects("dropped"),
        wal_bytes=message.get("wal_bytes", 0),
        duration_ms=message.get("duration_ms", 0.0),
        lock_timeout=message.get("lock_timeout", "0"),
        count=message.get("count", 1),
        error=error,
        sqlstate=message.get("sqlstate"),
        cannot_run_in_transaction=message.get("cannot_run_in_transaction", False),
        sought=_plan_of_search(message.get("plan")),
        compared=_plan_of_update(message.get("plan") or message.get("plan_of_update")),
        used_within=tuple(message.get("used_within", ())),
    )


def _plan_of_search(plan: Any) -> str:
    """Return a plan as JSON when it looks for rows of a table; empty when it does not."""
    try:
        return json.dumps(plan) if plan and looks_for_rows(plan) else ""
    except (KeyError, TypeError, ValueError, RecursionError):  # another version of Postgres has another format
        return ""


def _plan_of_update(plan: Any) -> tuple[str, ...]:
    """Return a plan as JSON when it changes the rows of a table that pass some condition; nothing when it does not."""
    try:
        return (json.dumps(plan),) if plan and updates_by_values(plan) else ()
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
