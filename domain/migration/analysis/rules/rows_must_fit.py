"""The revision fails on rows that the schema allows, and runs on others.

It failed in the sandbox on made-up rows: NULL where it wants a value, a text that it cannot read as JSON, a value that
its new constraint refuses. It ran on rows that fit. Whether all of yours do, only your database knows. The safe way
looks before, mends the rows in batches in a revision of its own, and then adds the constraint:

    wrong = op.get_bind().scalar(sa.text("SELECT count(*) FROM users WHERE name IS NULL"))
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "rows-must-fit"
SEVERITY = Severity.WARNING

_SETUP = "CREATE TABLE events (id int PRIMARY KEY, body text, kind int)"
BAD = Example(
    _SETUP,
    """
import json
for row in op.get_bind().execute(sa.text("SELECT body FROM events WHERE body IS NOT NULL LIMIT 5")):
    json.loads(row.body)
op.execute("ALTER TABLE events ADD COLUMN note text")
""",
    'op.execute("ALTER TABLE events DROP COLUMN note")\n',
)
GOOD = Example(
    _SETUP,
    'op.execute("ALTER TABLE events ADD COLUMN note text")\n',
    'op.execute("ALTER TABLE events DROP COLUMN note")\n',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find a trace that was taken on rows made for the revision."""
    if trace.refused_rows:
        said = trace.refused_rows.partition("\n")[0].rstrip(".")
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"The upgrade fails on made-up rows ({said}); what is said here is about rows made to fit.",
            "Look whether all your rows fit before you run it: try it on a copy, or count those that do not.",
        )
