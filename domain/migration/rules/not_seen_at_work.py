"""A statement that writes rows found none to write in the sandbox: what it does was not seen.

The rows there are made up. An UPDATE of what has a certain word, a DELETE of what a join finds, an INSERT of what a
SELECT gives may match none of them, and then nothing is known of how many rows of yours it writes, of what becomes of
their values, or of whether it fails. The safe way gives the sandbox rows of your own that it matches, from a file of
SQL that inserts them:

    migrate analyze --rows-from rows.sql
"""

import re
from collections.abc import Iterator

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.judging import label
from domain.migration.locks import LockMode
from domain.migration.rule import USERS, Example
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

CODE = "not-seen-at-work"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    "op.execute(\"UPDATE users SET name = 'new' WHERE email = 'nobody has it'\")",
    'raise NotImplementedError("the names stay")',
)
GOOD = Example(
    USERS,
    "op.execute(\"UPDATE users SET name = 'new' WHERE id = 7\")",
    'raise NotImplementedError("the names stay")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find statements that were to write rows of tables that have some, and wrote none."""
    if trace.after is None:
        return
    for index, statement in enumerate(trace.upgrade):
        if statement.error is None and _writes(statement) and not _wrote(statement):
            tables = _tables(trace, statement)
            if any(trace.tables[table].rows for table in tables):
                yield Diagnostic(
                    CODE,
                    SEVERITY,
                    index,
                    next(iter(tables)),
                    f"{label(trace, index)} matched no row of the sandbox, so it was not seen at work: what it does to "
                    "rows of yours is not known.",
                    "Give it rows that it matches: --rows-from FILE.sql.",
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


def _names(text: str, table: str) -> bool:
    own = table.rpartition(".")[2].strip('"')
    target = rf'(?:UPDATE|FROM|INTO)\s+(?:ONLY\s+)?(?:[\w"]+\.)?"?{re.escape(own)}(?!\w)'
    return re.search(target, text, re.IGNORECASE) is not None


_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_FINDS = re.compile(
    r"\s*(?:UPDATE|DELETE|MERGE|INSERT\b.*\bSELECT|WITH\b.*\b(?:UPDATE|DELETE|MERGE|INSERT))\b",
    re.IGNORECASE | re.DOTALL,
)
