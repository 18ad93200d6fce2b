"""A statement that looks for rows found none in the sandbox: what it does was not seen.

The rows there are made up. An UPDATE of what has a certain word, a DELETE of what a join finds, an INSERT of what a
SELECT gives, a loop over what a SELECT finds may match none of them. Then rows are made by what the statement compared,
and the revision runs again; a note says so, as nobody knows how many rows of yours it finds. Where it finds none even
so, nothing is known of what it writes, of what becomes of values, or of whether it fails. The safe way gives the
sandbox rows of your own that it matches, from a file of SQL that inserts them:

    migrate analyze --rows-from rows.sql
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.judging import label, listed, raises
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.unseen import idle_within, read_within, writes_what_it_finds, wrote
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.locks import LockMode
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

CODE = "not-seen-at-work"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    "op.execute(\"UPDATE users SET name = 'new' WHERE md5(email) = 'nobody knows of what'\")",
    'raise NotImplementedError("the names stay")',
)
GOOD = Example(
    USERS,
    "op.execute(\"UPDATE users SET name = 'new' WHERE id = 7\")",
    'raise NotImplementedError("the names stay")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find statements that were to find rows of tables that have some, and found none."""
    if trace.after is None:
        return
    for index, statement in enumerate(trace.upgrade):
        if statement.error is not None or _is_end_of_loop(trace, statement):
            continue
        writes = writes_what_it_finds(statement)
        if wrote(statement) and statement.sql in trace.matched:
            yield _made(trace, index)
        elif (writes or statement.sought) and not wrote(statement):
            if writes or not raises(trace.source, trace.refused_matches.get(statement.sql, "")):
                yield from _unseen(trace, index, writes=writes)
        else:
            yield from _unseen_within(trace, index)


def _is_end_of_loop(trace: RevisionTrace, statement: StatementTrace) -> bool:
    """Return whether a statement that wrote nothing did so at another turn."""
    same = (other for other in trace.upgrade if (other.line, other.sql) == (statement.line, statement.sql))
    return not wrote(statement) and any(map(wrote, same))


def _unseen(trace: RevisionTrace, index: int, *, writes: bool) -> Iterator[Diagnostic]:
    statement = trace.upgrade[index]
    tables = _tables(trace, statement) if writes else _read(trace, statement)
    if not any(trace.tables[table].rows for table in tables):
        return
    what = "what it does to rows of yours" if writes else "what the revision does with rows of yours"
    refused = trace.refused_matches.get(statement.sql, "").partition("\n")[0].rstrip(".")
    tried = f" On rows made to match, the upgrade was not judged: {refused}." if refused else ""
    yield _warning(
        trace,
        index,
        tables,
        f"matched no row of the sandbox, so it was not seen at work: {what} is not known.{tried}",
    )


def _unseen_within(trace: RevisionTrace, index: int) -> Iterator[Diagnostic]:
    """Warn of a block, a function or a text of several statements that left rows of a table as they were."""
    statement = trace.upgrade[index]
    idle = idle_within(trace, statement)
    if idle:
        yield _warning(
            trace,
            index,
            idle,
            f"was to write rows of {listed(idle)} and found none in the sandbox, so it was not seen at work there: "
            "what it does to rows of yours is not known.",
        )
    elif read := read_within(trace, statement):
        yield _warning(
            trace,
            index,
            read,
            f"read {listed(read)} in the sandbox and wrote nothing, so it was not seen at work: what it does with rows "
            "of yours is not known.",
        )


def _warning(trace: RevisionTrace, index: int, tables: list[str], what: str) -> Diagnostic:
    advice = "Give it rows that it matches: --rows-from FILE.sql."
    return Diagnostic(CODE, SEVERITY, index, next(iter(tables)), f"{label(trace, index)} {what}", advice)


def _made(trace: RevisionTrace, index: int) -> Diagnostic:
    statement = trace.upgrade[index]
    return Diagnostic(
        CODE,
        Severity.NOTE,
        index,
        next((table for table in statement.rows if table in trace.tables), None),
        f"{label(trace, index)} matched only rows that were made for it, so how many rows of yours it writes is not "
        "known.",
        "Give it rows of yours: --rows-from FILE.sql.",
    )


def _tables(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Name the tables that it was to write: locked by it, or by a statement before it and named here."""
    locked = [table for table in trace.tables if statement.locks.get(table) is LockMode.ROW_EXCLUSIVE]
    return locked or [table for table in trace.tables if _names(statement.sql, table)]


def _read(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Name the tables that a SELECT looked into."""
    locked = [table for table in trace.tables if table in statement.locks]
    return locked or [table for table in trace.tables if table in statement.scanned or _names(statement.sql, table)]


def _names(text: str, table: str) -> bool:
    own = table.rpartition(".")[2].strip('"')
    target = rf'(?:UPDATE|FROM|INTO)\s+(?:ONLY\s+)?(?:[\w"]+\.)?"?{re.escape(own)}(?!\w)'
    return re.search(target, text, re.IGNORECASE) is not None
