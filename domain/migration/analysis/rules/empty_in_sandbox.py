"""The sandbox could not make rows for a table that the revision works on.

The revision ran on an empty table. What it does to rows, and whether rows make it fail, was not measured. The safe way
is to provide rows of your own, in a SQL file that inserts them:

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
    """Report tables that the upgrade locked and that stayed empty because the sandbox could not fill them."""
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
