"""The sandbox could not make rows for a table that the revision works on, or only a few.

The revision ran on an empty or small table. What it does to rows, and whether rows make it fail, was not measured, or
on a few rows only. A table whose unique keys allow few rows, as a CHECK (id = 1) does, is small on purpose and not
reported. The safe way is to provide rows of your own, in a SQL file that inserts them:

    migrate analyze --rows-from rows.sql
"""

from collections.abc import Iterator

from domain.migration.analysis.impact import is_big
from domain.migration.analysis.rule import Example
from domain.migration.analysis.unseen import ran_without_rows
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import BIG_ROWS, Statistics
from domain.migration.trace import RevisionTrace

CODE = "empty-in-sandbox"
SEVERITY = Severity.WARNING

_UPGRADE = 'op.execute("ALTER TABLE odd ADD COLUMN note text")\n'
_DOWNGRADE = 'op.execute("ALTER TABLE odd DROP COLUMN note")\n'

BAD = Example("CREATE TABLE odd (id int NOT NULL, CHECK (id > 5 AND id < 5))", _UPGRADE, _DOWNGRADE)

GOOD = Example("CREATE TABLE odd (id int NOT NULL, CHECK (id > 5 AND id < 9))", _UPGRADE, _DOWNGRADE)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report tables that the upgrade locked and that the sandbox could not fill, unless they are small anyway.

    Where no table has rows because the revision refuses them, `rows-must-fit` says so once.
    """
    if ran_without_rows(trace):
        return
    for table in trace.locks:
        reason = trace.unfilled.get(table)
        rows = trace.tables[table].rows
        if reason is not None and rows < BIG_ROWS and is_big(trace, statistics, table):
            message = (
                f"{table} had few rows in the sandbox, so the effect on more rows is not known: {reason}."
                if rows
                else f"{table} was empty in the sandbox, so the effect on its rows is not known: {reason}."
            )
            yield Diagnostic(CODE, SEVERITY, None, table, message, "Provide rows for it: --rows-from FILE.sql.")
