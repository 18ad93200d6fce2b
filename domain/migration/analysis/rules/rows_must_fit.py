"""The revision fails on some rows that the schema allows.

It failed in the sandbox on made-up rows, such as a NULL, a text that is no JSON, or a value that its new constraint
refuses. It succeeded on rows that fit, or only on empty tables: then nothing is known of what it does to rows. Only
your database knows whether all of its rows fit, and the upgrade fails there if one does not. The safe way is to count
the rows that do not fit, to correct them in batches in an earlier revision, and to add the constraint afterwards:

    wrong = op.get_bind().scalar(sa.text("SELECT count(*) FROM users WHERE name IS NULL"))
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import Example
from domain.migration.analysis.unseen import ran_without_rows
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
    """Report a trace that was recorded on rows made to fit the revision."""
    if trace.refused_rows:
        message = trace.refused_rows.partition("\n")[0].rstrip(".")
        judged, advice = (_EMPTY, _GIVE_ROWS) if ran_without_rows(trace) else (_FITTING, _LOOK)
        yield Diagnostic(
            CODE, SEVERITY, None, None, f"The upgrade fails on some made-up rows ({message}). {judged}", advice
        )


_FITTING = "This report is about a run on rows that fit."
_LOOK = "Check that all your rows fit before the upgrade: try it on a copy, or count the rows that do not."
_EMPTY = "It accepts no rows that could be made, so this report is about a run on empty tables."
_GIVE_ROWS = "Provide rows that it accepts: --rows-from FILE.sql. Check that all your rows fit before the upgrade."
