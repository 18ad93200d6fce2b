"""An extension is created by a role that may not.

CREATE EXTENSION needs a superuser, or for trusted extensions CREATE on the database; pgvector is not trusted by itself.
The safe way is to let the database's owner create it once, before the deployment; the statement then does nothing:

    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
"""

from collections.abc import Iterator

from domain.migration.analysis.judging import Failure, failures, label
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "extension-without-permission"
SEVERITY = Severity.ERROR
BAD = Example(
    "",
    """
op.execute("SET LOCAL ROLE pg_monitor")
op.execute("CREATE EXTENSION vector")
""",
    "pass",
)
GOOD = Example("CREATE EXTENSION vector;", 'op.execute("CREATE EXTENSION IF NOT EXISTS vector")', "pass")


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find extensions that the role could not create."""
    for index, statement in failures(trace, Failure.EXTENSION):
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            None,
            f"{label(trace, index)} is not permitted to the role of the revision: {statement.error}",
            "Let an administrator create the extension beforehand, and keep IF NOT EXISTS in the revision.",
        )
