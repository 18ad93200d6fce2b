"""Whether a trace on rows that were made for its statements may replace the trace on the usual rows."""

from collections.abc import Iterable
from dataclasses import replace

from domain.migration.trace import (
    RevisionTrace,
    StatementTrace,
)

_SOMETHING_ELSE = "it does something else there"
_NOTHING_NEW = "it leaves out there what it does here"


def refused_matches(idle: RevisionTrace, matching: RevisionTrace) -> str:
    """Return why a trace on matching rows cannot replace the one on the usual rows; empty when it can.

    It can when every statement that did something on the usual rows did something on the matching rows, too.

    Args:
        idle: The trace on the usual rows, where some statements found none.
        matching: The trace on rows that were made for these statements.
    """
    if matching.after is None:
        error = next((statement.error for statement in matching.upgrade if statement.error), None)
        return error or matching.error or matching.refused_rows or "it fails"
    if all(
        is_in(statement, [match for match in matching.upgrade if does_something(match)])
        for statement in idle.upgrade
        if does_something(statement)
    ):
        return ""
    is_different = any(
        does_something(statement) and not is_in(statement, idle.upgrade) for statement in matching.upgrade
    )
    return _SOMETHING_ELSE if is_different else _NOTHING_NEW


def with_refusal(
    trace: RevisionTrace, idle_statement: StatementTrace, reason: str, refused: dict[str, str]
) -> tuple[RevisionTrace, dict[str, str]]:
    """Record why a statement could not be traced on matching rows.

    A query that makes the revision do less when it finds rows only checks whether something exists. It counts as
    traced.

    Args:
        trace: The trace of the revision.
        idle_statement: The statement that found no rows.
        reason: Why a trace on matching rows was refused; empty when such rows could not be made.
        refused: The reasons so far, by the text of the statement.

    Returns:
        The trace, in which a mere check is no longer idle, and the reasons.
    """
    if reason == _NOTHING_NEW and not is_write(idle_statement):
        upgrade = (
            replace(statement, sought="") if statement_key(statement) == statement_key(idle_statement) else statement
            for statement in trace.upgrade
        )
        return replace(trace, upgrade=tuple(upgrade)), refused
    return trace, {**refused, idle_statement.sql: reason} if reason else refused


def does_something(statement: StatementTrace) -> bool:
    """Return whether a statement wrote rows or changed the schema."""
    return bool(statement.rows or statement.created or statement.altered or statement.dropped or statement.rewritten)


def is_write(statement: StatementTrace) -> bool:
    """Return whether a statement that found no rows would have written those rows, by its plan."""
    return '"ModifyTable"' in statement.sought


def statement_key(statement: StatementTrace) -> tuple[object, ...]:
    """Return a key that is the same for a statement in every run, even when the values in its text differ."""
    words = statement.sql.split(maxsplit=1)
    return (statement.line, words[0].upper() if words else "") if statement.line is not None else (statement.sql,)


def is_in(statement: StatementTrace, statements: Iterable[StatementTrace]) -> bool:
    """Return whether a statement is among others, compared by `statement_key`."""
    return any(statement_key(statement) == statement_key(candidate) for candidate in statements)
