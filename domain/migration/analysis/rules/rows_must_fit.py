"""The revision fails on some rows that the schema allows.

It failed in the sandbox on made-up rows, such as a NULL, a text that is no JSON, or a value that its new constraint
refuses. It succeeded on rows that fit, or only on empty tables: then nothing is known of what it does to rows. Only
your database knows whether all of its rows fit, and the upgrade fails there if one does not. So it does with a lower
maximum of a sequence that has given a later number. With a constraint that is NOT VALID the upgrade succeeds, but every
UPDATE of a row that breaks it fails from then on, whichever column it changes. A downgrade that cannot read made-up
bytes or documents is judged without them, or on empty tables. The safe way is to count the rows that do not fit, to
correct them in batches in an earlier revision, and to add the constraint afterwards:

    wrong = op.get_bind().scalar(sa.text("SELECT count(*) FROM users WHERE name IS NULL"))
"""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.changes import kept, statement_of
from domain.migration.analysis.rule import Example
from domain.migration.analysis.unseen import ran_without_rows
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.snapshot import Value, attributes
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
    """Report a trace on rows made to fit, sequences that end earlier, and rows that no UPDATE can change any more."""
    yield from _ended_earlier(trace)
    yield from _not_updatable(trace)
    if trace.undo_refused_rows:
        message = trace.undo_refused_rows.partition("\n")[0].rstrip(".")
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"The downgrade fails on some made-up rows ({message}). {_UNDONE}",
            "Provide rows that it reads: --rows-from FILE.sql.",
        )
    if trace.refused_rows:
        message = trace.refused_rows.partition("\n")[0].rstrip(".")
        judged, advice = (_EMPTY, _GIVE_ROWS) if ran_without_rows(trace) else (_FITTING, _LOOK)
        yield Diagnostic(
            CODE, SEVERITY, None, None, f"The upgrade fails on some made-up rows ({message}). {judged}", advice
        )


def _not_updatable(trace: RevisionTrace) -> Iterator[Diagnostic]:
    for unfit in trace.unfit_rows:
        if unfit.table in trace.tables:
            shown = "a made-up row breaks" if unfit.rows == 1 else f"{unfit.rows:,} made-up rows break"
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "constraint", f"{unfit.table}.{unfit.constraint}"),
                unfit.table,
                f"From now on, every UPDATE of a row of {unfit.table} that breaks {unfit.constraint} fails, whichever "
                f"column it changes, because the constraint is checked although it is NOT VALID: {shown} it.",
                "Count the rows that break it in your database, and correct them in an earlier revision.",
            )


def _ended_earlier(trace: RevisionTrace) -> Iterator[Diagnostic]:
    for name in kept(trace, "sequence"):
        before, after = (attributes(catalog, "sequence", name) for catalog in (trace.before, trace.after))
        was, now = before.get("maximum"), after.get("maximum")
        if isinstance(was, int) and isinstance(now, int) and now < was and _ascends(before) and _ascends(after):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "sequence", name),
                None,
                f"The sequence {name} ends at {now:,} from now on. The upgrade fails if it has given a later number.",
                f"Look at its last number before the upgrade: SELECT last_value FROM {name}.",  # noqa: S608 - a text
            )


def _ascends(sequence: Mapping[str, Value]) -> bool:
    increment = sequence.get("increment")
    return isinstance(increment, int) and increment > 0


_UNDONE = "This report is about a run on rows without JSON and bytes, or on empty tables."
_FITTING = "This report is about a run on rows that fit."
_LOOK = "Check that all your rows fit before the upgrade: try it on a copy, or count the rows that do not."
_EMPTY = "It accepts no rows that could be made, so this report is about a run on empty tables."
_GIVE_ROWS = "Provide rows that it accepts: --rows-from FILE.sql. Check that all your rows fit before the upgrade."
