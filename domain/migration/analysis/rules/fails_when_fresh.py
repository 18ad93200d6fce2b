"""The revision fails on a new database, because a sequence gives out a key that an earlier revision has used.

An earlier revision inserted rows with keys of its own and left the sequence behind them. Where the application has
inserted rows since, the sequence is beyond these keys, and the revision succeeds. A new database has only the rows of
the revisions, so `alembic upgrade head` fails there, in every test and in every new installation. The safe way is to
move the sequence first:

    op.execute("SELECT setval('roles_id_seq', (SELECT max(id) FROM roles))")
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "fails-when-fresh"
SEVERITY = Severity.ERROR

_SETUP = (
    "CREATE TABLE roles (id serial PRIMARY KEY, name text NOT NULL);"
    "INSERT INTO roles (id, name) VALUES (1, 'admin'), (2, 'user')"
)
_INSERT = "op.execute(\"INSERT INTO roles (name) VALUES ('guest')\")\n"
_DELETE = "op.execute(\"DELETE FROM roles WHERE name = 'guest'\")"
_MOVE = "op.execute(\"SELECT setval('roles_id_seq', (SELECT max(id) FROM roles))\")\n"
BAD = Example(_SETUP, _INSERT, _DELETE)
GOOD = Example(_SETUP, _MOVE + _INSERT, _DELETE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report a revision that draws a key on a new database that an earlier revision has used."""
    if not trace.fails_fresh:
        return
    sequences = ", ".join(trace.drawn)
    yield Diagnostic(
        CODE,
        SEVERITY,
        None,
        None,
        f"The upgrade fails on a new database, which has only the rows of earlier revisions: {sequences} gives out "
        f"a key that an earlier revision has used. The server reports: {trace.fails_fresh}",
        "Set the sequence to the highest key before the INSERT.",
    )
