"""The downgrade fails.

A downgrade is needed in a hurry, when a deployment has gone wrong. A failure then leaves the database on the new schema
and costs time. The safe way is to correct the downgrade. If the upgrade cannot be undone, let the downgrade refuse with
a message that says what to do instead, or declare `irreversible = "why"` and let it raise any exception:

    def downgrade() -> None:
        raise NotImplementedError("the old addresses are gone; restore the backup")
"""

from collections.abc import Iterator

from domain.migration.analysis.refusal import refuses
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "downgrade-fails"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    'op.add_column("users", sa.Column("note", sa.Text()))',
    'op.drop_column("users", "notes")',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("note", sa.Text()))',
    'op.drop_column("users", "note")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report a downgrade that failed and did not refuse; errors that it caught itself do not count."""
    if trace.downgrade_error is None or refuses(trace):
        return
    failed = next((statement for statement in reversed(trace.downgrade or ()) if statement.error is not None), None)
    error = failed.error if failed is not None else trace.downgrade_error
    where = f" at {' '.join(failed.sql.split())}" if failed is not None else ""
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The downgrade fails{where}: {error or 'it gives no message'}",
        "Correct it, or let it refuse: raise NotImplementedError with a message that says what to do instead.",
    )
