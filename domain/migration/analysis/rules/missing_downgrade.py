"""The downgrade does nothing, but the upgrade did something.

`alembic downgrade` reports success and leaves the schema of the upgrade. The old code then meets the new schema, and
the next `alembic upgrade` fails on objects that exist already. The safe way is to undo the upgrade, or to refuse:

    def downgrade() -> None:
        raise NotImplementedError("the old addresses are gone; restore the backup")

Postgres cannot undo some changes, such as a new value of an enum. Such a change may stay if the revision declares it:

    lossy_downgrade = {"public.status": "Postgres cannot undo it"}
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.snapshot import compare
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace
from domain.migration.verification.declarations import staying
from domain.migration.verification.one_way import one_way

CODE = "missing-downgrade"
SEVERITY = Severity.ERROR
BAD = Example(USERS, 'op.add_column("users", sa.Column("note", sa.Text()))', "pass")
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("note", sa.Text()))',
    'op.drop_column("users", "note")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report an empty downgrade of an upgrade that changed the schema or rows."""
    if trace.downgrade != () or trace.downgrade_error is not None:
        return
    advice = "Undo what the upgrade did, or raise NotImplementedError with a message that says why that is impossible."
    if (
        trace.before is not None
        and trace.restored is not None
        and (difference := compare(trace.before, trace.restored))
    ):
        stays = one_way(difference, trace.before, trace.restored)
        if rest := difference.without(stays):
            message = f"The downgrade does nothing: {next(rest.sentences())}."
            yield Diagnostic(CODE, SEVERITY, None, None, message, advice)
        else:
            yield from staying(CODE, trace, stays)
        return
    written = sorted(
        {
            table
            for statement in trace.upgrade
            for table, rows in statement.rows.items()
            if rows.total and table in trace.tables
        }
    )
    if written:
        message = f"The downgrade does nothing: the rows that the upgrade wrote in {listed(written)} stay."
        yield Diagnostic(CODE, Severity.WARNING, None, written[0], message, advice)
