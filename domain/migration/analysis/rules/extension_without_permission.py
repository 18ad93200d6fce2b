"""A role without the permission creates an extension.

CREATE EXTENSION needs a superuser. For a trusted extension, CREATE on the database is enough, but pgvector is not
trusted by default. The upgrade fails. The safe way is to let an administrator create the extension once, before the
deployment. The statement in the revision then does nothing:

    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
"""

from collections.abc import Iterator

from domain.migration.analysis.failures import Failure, failures
from domain.migration.analysis.rule import Example
from domain.migration.analysis.wording import label
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
    """Report extensions that the role of the revision could not create."""
    for index, statement in failures(trace, Failure.EXTENSION):
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            None,
            f"{label(trace, index)} needs a permission that the role of the revision does not have: {statement.error}",
            "Let an administrator create the extension before the upgrade, and keep IF NOT EXISTS in the revision.",
        )
