"""A statement fails on existing rows.

The causes are a new NOT NULL column without a default, a unique index over duplicates, a foreign key or check that a
row violates, and a value that does not fit its new type. An empty test database shows none of them. In a transaction
the whole revision is rolled back. A concurrent build leaves an invalid index. The safe way is to correct the rows in
an earlier revision, and to add columns nullable or with a default:

    op.add_column("users", sa.Column("plan", sa.Text(), nullable=False, server_default="free"))
"""

from collections.abc import Iterator

from domain.migration.analysis.failures import Failure, failures
from domain.migration.analysis.lock_windows import is_concurrent
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, StatementTrace

CODE = "fails-on-existing-rows"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.TWO_PHASES
BAD = Example(
    USERS,
    'op.add_column("users", sa.Column("plan", sa.Text(), nullable=False))',
    'op.drop_column("users", "plan")',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("plan", sa.Text(), nullable=False, server_default="free"))',
    'op.drop_column("users", "plan")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report statements that failed because of the values of rows."""
    for index, statement in failures(trace, Failure.ROWS):
        rest = " It leaves an invalid index." if is_concurrent(statement) else ""
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            next((table for table in statement.locks if table in trace.tables), None),
            f"{label(trace, index)} fails on existing rows: {statement.error} (SQLSTATE {statement.sqlstate}).{rest}",
            _ADVICE.get(_state(statement), _MEND),
        )
    if trace.rows_error and all(statement.error is None for statement in trace.upgrade):
        message = trace.rows_error.partition("\n")[0].rstrip(".")
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"The upgrade fails on existing rows: {message}. Only a run without rows was judged.",
            _MEND,
        )


def _state(statement: StatementTrace) -> str:
    return statement.sqlstate or ""


_MEND = "Find the rows on which it fails, and correct them in an earlier revision."
_ADVICE = {
    "23502": "Give the column a server default, or add it nullable, fill it in batches, and set NOT NULL later.",
    "23503": "Correct the rows without a referenced row first, or add the key NOT VALID and validate it later.",
    "23505": "Find and merge the duplicates in an earlier revision.",
    "23514": "Correct the rows first, or add the constraint NOT VALID and validate it later.",
}
