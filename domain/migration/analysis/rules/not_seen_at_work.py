"""A statement matched no rows in the sandbox, so its effect was not measured.

The rows of the sandbox are made up. An UPDATE or a DELETE with a condition, an INSERT from a SELECT, or a loop over the
result of a SELECT may match none of them. The sandbox then makes rows from the values that the statement compares, and
runs the revision again. If the statement matches these, a note says so, because the number of matching rows in your
database is not known. If it still matches none, nothing is known about the rows it writes, the values it changes, or
whether it fails. The safe way is to provide rows of your own that it matches, in a SQL file that inserts them:

    migrate analyze --rows-from rows.sql
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.refusal import raises
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.unknown_shares import unknown_shares
from domain.migration.analysis.unseen import idle_within, read_within, writes_what_it_finds, wrote
from domain.migration.analysis.wording import label, listed
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


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report statements that matched no rows, although their tables have rows."""
    if trace.after is None:
        return
    of_unknown_share = {index for index, _ in unknown_shares(trace, statistics)}
    for index, statement in enumerate(trace.upgrade):
        if statement.error is not None or statement.sql in trace.unmatchable or _is_end_of_loop(trace, statement):
            continue
        writes = writes_what_it_finds(statement)
        if wrote(statement) and statement.sql in trace.matched:
            if index not in of_unknown_share:  # else the rule for these says so
                yield _matched_made_rows(trace, index)
        elif (writes or statement.sought) and not wrote(statement):
            if writes or not raises(trace.source, trace.refused_matches.get(statement.sql, ""), trace.path):
                yield from _unseen(trace, index, writes=writes)
        else:
            yield from _unseen_within(trace, index)


def _is_end_of_loop(trace: RevisionTrace, statement: StatementTrace) -> bool:
    """Return whether a statement wrote nothing here and wrote rows in another turn of its loop."""
    turns = (turn for turn in trace.upgrade if (turn.line, turn.sql) == (statement.line, statement.sql))
    return not wrote(statement) and any(map(wrote, turns))


def _unseen(trace: RevisionTrace, index: int, *, writes: bool) -> Iterator[Diagnostic]:
    statement = trace.upgrade[index]
    tables = _written_tables(trace, statement) if writes else _read_tables(trace, statement)
    if not any(trace.tables[table].rows for table in tables):
        return
    unknown = "its effect on your rows" if writes else "what the revision does with your rows"
    refused = trace.refused_matches.get(statement.sql, "").partition("\n")[0].rstrip(".")
    tried = f" On rows that were made to match, the upgrade could not be judged: {refused}." if refused else ""
    yield _warning(
        trace,
        index,
        tables,
        f"matched no row of the sandbox, so {unknown} is not known.{tried}",
    )


def _unseen_within(trace: RevisionTrace, index: int) -> Iterator[Diagnostic]:
    """Report a DO block, a function call or a script of several statements that did not write rows of a table."""
    statement = trace.upgrade[index]
    idle = idle_within(trace, statement)
    if idle:
        yield _warning(
            trace,
            index,
            idle,
            f"was to write rows of {listed(idle)} but matched none in the sandbox, so its effect on your rows is not "
            "known.",
        )
    elif read_tables := read_within(trace, statement):
        yield _warning(
            trace,
            index,
            read_tables,
            f"read {listed(read_tables)} in the sandbox and wrote nothing, so its effect on your rows is not known.",
        )


def _warning(trace: RevisionTrace, index: int, tables: list[str], message: str) -> Diagnostic:
    advice = "Provide rows that it matches: --rows-from FILE.sql."
    return Diagnostic(CODE, SEVERITY, index, next(iter(tables)), f"{label(trace, index)} {message}", advice)


def _matched_made_rows(trace: RevisionTrace, index: int) -> Diagnostic:
    statement = trace.upgrade[index]
    return Diagnostic(
        CODE,
        Severity.NOTE,
        index,
        next((table for table in statement.rows if table in trace.tables), None),
        f"{label(trace, index)} matched only rows that were made for it, so the number of your rows that it writes "
        "is not known.",
        "Provide rows of your own: --rows-from FILE.sql.",
    )


def _written_tables(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Return the tables that a statement was to write: those that it locked, or else those that it names."""
    locked = [table for table in trace.tables if statement.locks.get(table) is LockMode.ROW_EXCLUSIVE]
    return locked or [table for table in trace.tables if _names(statement.sql, table)]


def _read_tables(trace: RevisionTrace, statement: StatementTrace) -> list[str]:
    """Return the tables that a SELECT read."""
    locked = [table for table in trace.tables if table in statement.locks]
    return locked or [table for table in trace.tables if table in statement.scanned or _names(statement.sql, table)]


def _names(text: str, table: str) -> bool:
    name = table.rpartition(".")[2].strip('"')
    pattern = rf'(?:UPDATE|FROM|INTO)\s+(?:ONLY\s+)?(?:[\w"]+\.)?"?{re.escape(name)}(?!\w)'
    return re.search(pattern, text, re.IGNORECASE) is not None
