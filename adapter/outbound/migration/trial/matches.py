"""Whether a trace on rows that were made to match stands for one on others."""

from collections.abc import Iterable
from dataclasses import replace

from domain.migration.trace import (
    RevisionTrace,
    StatementTrace,
)

_SOMETHING_ELSE = "it does something else there"
_NOTHING_NEW = "it leaves out there what it does here"


def refused_matches(idle: RevisionTrace, found: RevisionTrace) -> str:
    """Return why a trace on rows that match does not stand for one on others; empty where it does."""
    if found.after is None:
        failed = next((one.error for one in found.upgrade if one.error), None)
        return failed or found.error or found.refused_rows or "it fails"
    if all(
        is_in(one, [each for each in found.upgrade if does_something(each)])
        for one in idle.upgrade
        if does_something(one)
    ):
        return ""
    new = any(does_something(one) and not is_in(one, idle.upgrade) for one in found.upgrade)
    return _SOMETHING_ELSE if new else _NOTHING_NEW


def with_answer(
    trace: RevisionTrace, asked: StatementTrace, why: str, refused: dict[str, str]
) -> tuple[RevisionTrace, dict[str, str]]:
    """Note why a statement is not traced on rows that match; who only asked whether something is there, was seen."""
    if why == _NOTHING_NEW and not is_write(asked):
        upgrade = (
            replace(one, sought="") if statement_key(one) == statement_key(asked) else one for one in trace.upgrade
        )
        return replace(trace, upgrade=tuple(upgrade)), refused
    return trace, {**refused, asked.sql: why} if why else refused


def does_something(statement: StatementTrace) -> bool:
    """Return whether a statement wrote rows or changed the schema."""
    return bool(statement.rows or statement.created or statement.altered or statement.dropped or statement.rewritten)


def is_write(statement: StatementTrace) -> bool:
    """Tell from its plan whether a statement was to write what it found."""
    return '"ModifyTable"' in statement.sought


def statement_key(statement: StatementTrace) -> tuple[object, ...]:
    """Return what makes a statement the same in another run: values that are written into it may differ."""
    words = statement.sql.split(maxsplit=1)
    return (statement.line, words[0].upper() if words else "") if statement.line is not None else (statement.sql,)


def is_in(statement: StatementTrace, others: Iterable[StatementTrace]) -> bool:
    """Return whether a statement is among others."""
    return any(statement_key(statement) == statement_key(one) for one in others)
