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

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.judging import label, raises
from domain.migration.locks import LockMode
from domain.migration.rule import USERS, Example
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
        writes = _writes(statement)
        if statement.error is not None or not (writes or statement.sought):
            continue
        if _wrote(statement):
            if statement.sql in trace.matched:
                yield _made(trace, index)
        elif any(_wrote(one) for one in trace.upgrade if (one.line, one.sql) == (statement.line, statement.sql)):
            continue  # the end of a loop
        elif writes or not raises(trace.source, trace.refused_matches.get(statement.sql, "")):
            yield from _unseen(trace, index, writes=writes)


def _unseen(trace: RevisionTrace, index: int, *, writes: bool) -> Iterator[Diagnostic]:
    statement = trace.upgrade[index]
    tables = _tables(trace, statement) if writes else _read(trace, statement)
    if not any(trace.tables[table].rows for table in tables):
        return
    what = "what it does to rows of yours" if writes else "what the revision does with rows of yours"
    refused = trace.refused_matches.get(statement.sql, "").partition("\n")[0].rstrip(".")
    tried = f" On rows made to match, the upgrade was not judged: {refused}." if refused else ""
    yield Diagnostic(
        CODE,
        SEVERITY,
        index,
        next(iter(tables)),
        f"{label(trace, index)} matched no row of the sandbox, so it was not seen at work: {what} is not known.{tried}",
        "Give it rows that it matches: --rows-from FILE.sql.",
    )


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


def _writes(statement: StatementTrace) -> bool:
    """Tell whether a statement is there to write rows that it finds; one that gives its rows itself is not."""
    changes = statement.created or statement.altered or statement.dropped or statement.rewritten
    return not changes and _FINDS.match(_COMMENTS.sub(" ", statement.sql)) is not None


def _wrote(statement: StatementTrace) -> bool:
    return any(rows.total for rows in statement.rows.values()) or any(statement.locked.values())


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


_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_FINDS = re.compile(
    r"\s*(?:UPDATE|DELETE|MERGE|INSERT\b.*\bSELECT|WITH\b.*\b(?:UPDATE|DELETE|MERGE|INSERT))\b",
    re.IGNORECASE | re.DOTALL,
)
