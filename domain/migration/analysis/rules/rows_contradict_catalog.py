"""The rows break what the catalog calls valid after the upgrade, or nothing keeps them from it any more.

Foreign keys are kept by triggers: while these are disabled, or while session_replication_role is replica, rows are not
checked, nor later. CHECK constraints, generated columns and indexes follow the functions that they use: with another
function, old rows stay as they are. The planner trusts the catalog, so queries return wrong rows, and a dump cannot be
restored. The safe way is to leave the triggers on, and to give a changed function a name of its own, with an index or a
constraint of its own:

    op.execute("CREATE FUNCTION slug_2(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'")
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "rows-contradict-catalog"
SEVERITY = Severity.ERROR


def _function(name: str, body: str) -> str:
    return f"FUNCTION {name}(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT {body}($1)'"


_COLUMN = "ALTER TABLE users ADD slug text GENERATED ALWAYS AS (slug(name)) STORED"
_SETUP = f"{USERS}CREATE {_function('slug', 'lower')}; {_COLUMN};"
BAD = Example(
    _SETUP,
    f'op.execute("CREATE OR REPLACE {_function("slug", "upper")}")',
    f'op.execute("CREATE OR REPLACE {_function("slug", "lower")}")',
)
GOOD = Example(
    _SETUP, f'op.execute("CREATE {_function("slug_2", "upper")}")', 'op.execute("DROP FUNCTION slug_2(text)")'
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report what the rows contradict after the upgrade."""
    for contradiction in trace.contradictions:
        yield Diagnostic(
            CODE,
            SEVERITY,
            None,
            contradiction.table,
            f"After the upgrade, {contradiction.sentence}.",
            "Leave the triggers of constraints on; give a changed function another name, and what uses it anew to it.",
        )
