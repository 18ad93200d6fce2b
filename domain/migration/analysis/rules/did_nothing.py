"""The upgrade did nothing in the sandbox, although its code can do something.

A condition of its Python was false here, or a loop had no turn: an environment variable is not set, an argument `-x` is
not given, a table that it asks for does not exist. Elsewhere the condition may be true, and what the upgrade then does
was neither judged nor proved. The safe way is a revision that does the same wherever it runs:

    op.add_column("users", sa.Column("note", sa.Text()))

Otherwise make the condition true here, with `--env NAME=VALUE`, `-x NAME=VALUE` or `--rows-from FILE.sql`.
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.unseen import work_not_done
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.one_line import in_one_line
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "did-nothing"
SEVERITY = Severity.WARNING
_ADD = 'op.add_column("users", sa.Column("note", sa.Text()))'
_DROP = 'op.drop_column("users", "note")'
_IF = 'if context.get_x_argument(as_dictionary=True).get("notes"):'
BAD = Example(
    USERS, f"from alembic import context\n{_IF}\n    {_ADD}", f"from alembic import context\n{_IF}\n    {_DROP}"
)
GOOD = Example(USERS, _ADD, _DROP)
_SHOWN = 80  # longest shown text of a condition, in characters


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report an upgrade that executed nothing, or only read, and whose code has calls that may work."""
    work = work_not_done(trace)
    if trace.after is None or trace.unreported or trace.drawn or work is None:
        return
    if any(statement.sought for statement in trace.upgrade):
        return  # `not-seen-at-work` reports a loop over rows that were not found
    cause = f"the function that line {work.line} calls executed no statement"
    if work.condition:
        text = in_one_line(work.condition, _SHOWN)
        cause = f"line {work.line} depends on `{text}` and was not reached, or found nothing to do"
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The upgrade did nothing in the sandbox, so what it does elsewhere is not known: {cause}.",
        "Let the upgrade do the same wherever it runs, or make the condition true here: --env NAME=VALUE, -x "
        "NAME=VALUE, --rows-from FILE.sql.",
    )
