"""The downgrade fails.

Whoever needs it, needs it in a hurry. A downgrade that cannot work refuses with a message, which is honest:

    def downgrade() -> None:
        raise NotImplementedError("the old addresses are gone; restore the backup")
"""

from collections.abc import Iterator

from domain.migration.analysis.judging import refuses
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
    """Find a downgrade that broke off and did not refuse; an error that it caught itself is its own affair."""
    if trace.downgrade_error is None or refuses(trace):
        return
    failed = next((one for one in reversed(trace.downgrade or ()) if one.error is not None), None)
    error = failed.error if failed is not None else trace.downgrade_error
    where = f" at {' '.join(failed.sql.split())}" if failed is not None else ""
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The downgrade fails{where}: {error or 'it gives no message'}",
        "Mend it, or let it refuse: raise NotImplementedError with a message that says what to do instead.",
    )
