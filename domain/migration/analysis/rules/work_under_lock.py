"""A table is scanned under a blocking lock, for a reason that no other rule explains.

Reads or writes wait until the scan is done. Examples are ALTER DOMAIN … ADD or VALIDATE CONSTRAINT, which holds SHARE
on every table that uses the domain, a change of collation, a change of a type that a CHECK constraint uses, and a LOCK
TABLE around a query. ANALYZE reads a sample only, but up to 30,000 pages of each table. The safe way depends on the
statement: look for a form that scans without the lock, run ANALYZE after the commit, or announce a maintenance window.
"""

from collections.abc import Iterator
from dataclasses import replace

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.impact import analyzed_tables
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "work-under-lock"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.MAINTENANCE_WINDOW
BLOCKS = True
_LATER = "Run ANALYZE after the commit: in a revision of its own, or last, in an autocommit block."
_SETUP = USERS + "CREATE DOMAIN label AS text; ALTER TABLE users ADD COLUMN label label;"
BAD = Example(
    _SETUP,
    "op.execute(\"ALTER DOMAIN label ADD CONSTRAINT label_filled CHECK (VALUE <> '')\")",
    'op.execute("ALTER DOMAIN label DROP CONSTRAINT label_filled")',
)
GOOD = Example(
    _SETUP,
    "op.execute(\"ALTER DOMAIN label ADD CONSTRAINT label_filled CHECK (VALUE <> '') NOT VALID\")",
    'op.execute("ALTER DOMAIN label DROP CONSTRAINT label_filled")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report work under blocking locks that no other rule explains."""
    advice = "Look for a form of the statement that scans without the lock, or announce a maintenance window."
    for diagnostic in work_diagnostics(trace, statistics, Cause.OTHER, CODE, advice):
        index = diagnostic.statement
        is_sample = index is not None and analyzed_tables(trace, trace.upgrade[index])
        yield replace(diagnostic, help=_LATER) if is_sample else diagnostic
