"""The revision changes a table in a way that the sandbox did not see.

After the upgrade, the server has a change or a lock that none of the traced statements made, or it has had a session
that no driver of Python began. The revision executes something past SQLAlchemy and past the drivers of Python, such as
in another program. The locks and the scans of such work are not known, so the revision was not judged. The safe way is
to execute every statement through `op`:

    op.execute("UPDATE users SET active = true WHERE id = 1")
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "changed-unseen"
SEVERITY = Severity.ERROR

_ADVICE = "Execute every statement through op, or on the connection of op.get_bind()."
_SQL = "ALTER TABLE users ADD COLUMN note text"
_DOWNGRADE = 'op.drop_column("users", "note")'
BAD = Example(USERS, f'op.get_bind().connection.dbapi_connection.pgconn.exec_(b"{_SQL}")', _DOWNGRADE)
GOOD = Example(USERS, f'op.execute("{_SQL}")', _DOWNGRADE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report each table that was changed by no traced statement."""
    changes: dict[str, list[str]] = {}
    for unreported in trace.unreported:
        changes.setdefault(unreported.table, []).append(unreported.change)
    for sentence in changes.pop("", ()):
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            None,
            f"The revision did something outside of its traced statements: {sentence}. Its locks and changes are not "
            "known.",
            _ADVICE,
        )
    for table, sentences in changes.items():
        more = len(sentences) - 1
        others = f", and {more} more change{'s' if more > 1 else ''}" if more else ""
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            table,
            f"{table} was changed or locked by none of the traced statements: {sentences[0]}{others}. The locks of "
            "that work are not known.",
            _ADVICE,
        )
