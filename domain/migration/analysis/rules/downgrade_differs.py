"""The schema after the downgrade differs from the schema before the upgrade.

The downgrade forgets an index or a default, or a column comes back with another type. After a rollback, the old code
then runs on a schema that it was never tested with. The safe way is to undo everything that the upgrade changed. The
order of columns does not count. Postgres cannot undo some changes, such as a new value of an enum. Such a change may
stay if the revision declares it:

    lossy_downgrade = {"public.status": "Postgres cannot undo it"}
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.snapshot import compare
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace
from domain.migration.verification.declarations import staying
from domain.migration.verification.one_way import one_way

CODE = "downgrade-differs"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    """
op.alter_column("users", "name", server_default="nobody")
op.add_column("users", sa.Column("note", sa.Text()))
""",
    'op.drop_column("users", "note")',
)
GOOD = Example(
    USERS,
    """
op.alter_column("users", "name", server_default="nobody")
op.add_column("users", sa.Column("note", sa.Text()))
""",
    """
op.drop_column("users", "note")
op.alter_column("users", "name", server_default=None)
""",
)
_SHOWN = 5


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Compare the schema before the upgrade with the schema after the downgrade."""
    if not trace.downgrade or trace.downgrade_error is not None or trace.before is None or trace.restored is None:
        return
    difference = compare(trace.before, trace.restored, ignore={"position"})
    stays = one_way(difference, trace.before, trace.restored)
    yield from staying(CODE, trace, stays)
    differences = difference.without(stays).by_name()
    sentences = [sentence for name, sentence in differences if not trace.lossy_downgrade.get(name)]
    if not sentences:
        return
    omitted = f"; and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The schema after the downgrade is not the one before the upgrade: {'; '.join(sentences[:_SHOWN])}{omitted}.",
        "Undo in the downgrade everything that the upgrade changed, or declare in lossy_downgrade what stays.",
    )
