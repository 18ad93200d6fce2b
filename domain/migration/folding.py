"""Folding: the statements of a loop as one trace for each statement of its body."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from domain.migration.statement_trace import MOST_COMPARED, RowCounts, StatementTrace


def fold(statements: Iterable[StatementTrace]) -> tuple[StatementTrace, ...]:
    """Return the statements with those of a loop folded into one trace for each statement of its body.

    Two statements are the same if their line and text are the same. Literals in the text may differ in statements that
    only read or write rows. A statement that renames is like no other: each time, another object has the name.
    """
    folded: list[_Folded] = []
    for statement in statements:
        folded.append(_Folded(statement, statement.transaction, _written(statement), statement.locked))
        for turn in range(1, min(_LONGEST_TURN, len(folded) // 2) + 1):
            earlier, later = folded[-2 * turn : -turn], folded[-turn:]
            pairs = list(zip(earlier, later, strict=True))
            if all(_same(first.statement, second.statement) for first, second in pairs):
                folded[-2 * turn :] = [_joined(first, second) for first, second in pairs]
                break
    return tuple(item.statement for item in folded)


class _Folded(NamedTuple):
    """A folded statement, with the rows that its last transaction has written and locked so far."""

    statement: StatementTrace
    last_transaction: int | None
    written: Mapping[str, int]
    locked: Mapping[str, int]


def _written(statement: StatementTrace) -> Mapping[str, int]:
    """Return the number of existing rows that one transaction of a statement wrote, by table."""
    if statement.most_written:
        return statement.most_written
    return {name: rows.updated + rows.deleted for name, rows in statement.rows.items()}


_LONGEST_TURN = 6  # longest body of a loop that is folded, in statements


_VALUES = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")


def _same(first: StatementTrace, second: StatementTrace) -> bool:
    if (first.line, first.transaction is None, first.error, second.error) != (
        second.line,
        second.transaction is None,
        None,
        None,
    ):
        return False
    if first.renamed or second.renamed:
        return False
    return first.sql == second.sql or (
        first.line is not None
        and not (_changes_schema(first) or _changes_schema(second))
        and _VALUES.sub("?", first.sql) == _VALUES.sub("?", second.sql)
    )


def _changes_schema(statement: StatementTrace) -> bool:
    return bool(
        statement.created or statement.altered or statement.dropped or statement.rewritten or statement.indexes_built
    )


def _joined(first: _Folded, second: _Folded) -> _Folded:
    same_transaction = first.last_transaction is not None and first.last_transaction == second.last_transaction
    written = _sum(first.written, second.written) if same_transaction else second.written
    locked = _sum(first.locked, second.locked) if same_transaction else second.locked
    joined = replace(
        _join(first.statement, second.statement),
        transactions=first.statement.transactions + second.statement.transactions - same_transaction,
        most_written=_larger(first.statement.most_written or first.written, written),
        most_locked=_larger(first.statement.most_locked or first.locked, locked),
    )
    return _Folded(joined, second.last_transaction, written, locked)


def _sum(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def _larger(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in {**first, **second}}


def _join(first: StatementTrace, second: StatementTrace) -> StatementTrace:
    none = RowCounts()
    return StatementTrace(
        sql=first.sql,
        line=first.line,
        operation=first.operation,
        transaction=first.transaction,
        locks={
            relation: max(mode for mode in (first.locks.get(relation), second.locks.get(relation)) if mode is not None)
            for relation in {**first.locks, **second.locks}
        },
        rewritten=tuple(dict.fromkeys(first.rewritten + second.rewritten)),
        indexes_built=tuple(dict.fromkeys(first.indexes_built + second.indexes_built)),
        built_on={**first.built_on, **second.built_on},
        scanned=_sum(first.scanned, second.scanned),
        rows={name: first.rows.get(name, none) + second.rows.get(name, none) for name in {**first.rows, **second.rows}},
        locked=_sum(first.locked, second.locked),
        created=tuple(dict.fromkeys(first.created + second.created)),
        altered=tuple(dict.fromkeys(first.altered + second.altered)),
        dropped=tuple(dict.fromkeys(first.dropped + second.dropped)),
        wal_bytes=first.wal_bytes + second.wal_bytes,
        duration_ms=first.duration_ms + second.duration_ms,
        lock_timeout=first.lock_timeout,
        count=first.count + second.count,
        cannot_run_in_transaction=first.cannot_run_in_transaction,
        sought=first.sought if second.sought else "",
        never=first.never and second.never,
        searched=first.searched,
        compared=tuple(dict.fromkeys(first.compared + second.compared))[:MOST_COMPARED],
        used_within=tuple(dict.fromkeys(first.used_within + second.used_within)),
        unexplained=tuple(dict.fromkeys(first.unexplained + second.unexplained)),
        waited_ms=first.waited_ms + second.waited_ms,
        slept_ms=first.slept_ms + second.slept_ms,
        catalogs=tuple(dict.fromkeys(first.catalogs + second.catalogs)),
        analyzed=tuple(dict.fromkeys(first.analyzed + second.analyzed)),
    )
