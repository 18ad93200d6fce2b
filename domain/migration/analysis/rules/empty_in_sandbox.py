"""The sandbox could make no rows for a table that the revision works on.

Then the revision ran on an empty table: what it would do to rows, or rows to it, was not seen. The safe way gives the
sandbox rows of your own, from a file of SQL that inserts them:

    migrate analyze --rows-from rows.sql
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "empty-in-sandbox"
SEVERITY = Severity.WARNING

_UPGRADE = 'op.execute("ALTER TABLE odd ADD COLUMN note text")\n'
_DOWNGRADE = 'op.execute("ALTER TABLE odd DROP COLUMN note")\n'

BAD = Example("CREATE TABLE odd (id int NOT NULL, CHECK (id > 5 AND id < 5))", _UPGRADE, _DOWNGRADE)

GOOD = Example("CREATE TABLE odd (id int NOT NULL, CHECK (id > 5 AND id < 9))", _UPGRADE, _DOWNGRADE)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Find tables that the upgrade locked and that stayed empty though rows were wanted."""
    for table in trace.locks:
        reason = trace.unfilled.get(table)
        if reason is not None and trace.tables[table].rows == 0 and statistics.is_big(table):
            yield Diagnostic(
                CODE,
                SEVERITY,
                None,
                table,
                f"{table} was empty in the sandbox, so nothing is known of its rows: {reason}.",
                "Give it rows: --rows-from FILE.sql.",
            )
