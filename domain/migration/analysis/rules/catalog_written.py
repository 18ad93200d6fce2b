"""The revision writes a system catalog as if it were a table.

Postgres takes no lock on the tables that are concerned, checks no row, and tells no other session. A constraint that is
called valid so may be broken by rows, and an index may lack some. What the sandbox shows of such a statement says
nothing about the server that it runs on. The safe way is the statement that Postgres has for the change, such as
VALIDATE CONSTRAINT:

    op.execute("ALTER TABLE users VALIDATE CONSTRAINT users_name_check")
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label, listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "catalog-written"
SEVERITY = Severity.ERROR
_SETUP = USERS + "ALTER TABLE users ADD CONSTRAINT users_name_check CHECK (name <> '') NOT VALID;"
_DOWNGRADE = """
op.execute("ALTER TABLE users DROP CONSTRAINT users_name_check")
op.execute("ALTER TABLE users ADD CONSTRAINT users_name_check CHECK (name <> '') NOT VALID")
"""
BAD = Example(
    _SETUP,
    "op.execute(\"UPDATE pg_constraint SET convalidated = true WHERE conname = 'users_name_check'\")",
    _DOWNGRADE,
)
GOOD = Example(_SETUP, 'op.execute("ALTER TABLE users VALIDATE CONSTRAINT users_name_check")', _DOWNGRADE)

# The scripts of extensions, such as those of cube and seg, amend their own functions, types and operators so.
_OF_EXTENSIONS = {
    "pg_aggregate",
    "pg_amop",
    "pg_amproc",
    "pg_cast",
    "pg_depend",
    "pg_extension",
    "pg_opclass",
    "pg_operator",
    "pg_opfamily",
    "pg_proc",
    "pg_type",
}


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report each statement that writes a system catalog itself, and is not the script of an extension."""
    for index, statement in enumerate(trace.upgrade):
        is_script = any(item.kind == "extension" for item in (*statement.created, *statement.altered))
        catalogs = [name for name in statement.catalogs if not (is_script and name in _OF_EXTENSIONS)]
        if catalogs:
            yield Diagnostic(
                CODE,
                SEVERITY,
                index,
                None,
                f"{label(trace, index)} writes {listed(catalogs)} itself: Postgres checks no row, takes no "
                "lock on the table, and tells no other session.",
                "Use the statement that Postgres has for the change, such as ALTER TABLE … VALIDATE CONSTRAINT.",
            )
