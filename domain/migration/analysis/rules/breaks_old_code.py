"""A statement that the code before may send was tried before the upgrade and after it, and fails now.

The statements are made from the schema before: a SELECT with explicit columns, INSERTs, an UPDATE of each column and a
DELETE for every table. Other rules explain what is gone, renamed or required; this one says what else breaks: a trigger
that refuses, a type that reads no such value, a sequence that starts again, a constraint that a default breaks. The
safe way changes what the code sends first, and the schema afterwards:

    # release 1 writes users_history itself; the revision after it lets a trigger refuse direct changes

A statement that only fails where it was prepared before gets a note: its session must prepare it again.
"""

from collections.abc import Iterator

from domain.migration.analysis.judging import kept, refuses_what_it_needed, removed
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.compatibility import BrokenStatement
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import split
from domain.migration.revision import Phase, declared_phase
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "breaks-old-code"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.EXPAND_MIGRATE_CONTRACT
_FUNCTION = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'users are read only'; END $$
"""
_TRIGGER = "CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION refuse()"

BAD = Example(
    USERS,
    f"op.execute({_FUNCTION!r})\nop.execute({_TRIGGER!r})",
    'op.execute("DROP TRIGGER refuse ON users")\nop.execute("DROP FUNCTION refuse")',
)
GOOD = Example(
    USERS,
    f"op.execute({_FUNCTION!r})",
    'op.execute("DROP FUNCTION refuse")',
)

_MISSING = {"42P01", "42703", "42883"}  # undefined table, column, function
_NULL = "23502"
_GENERATED = "428C9"  # a value for a column that makes its own


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find broken statements, one for each table."""
    if trace.compatibility is None:
        return
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    said: set[tuple[str, bool]] = set()
    for broken in trace.compatibility.broken:
        key = broken.statement.table, broken.when_prepared
        if key in said or _is_explained(trace, broken):
            continue
        said.add(key)
        yield _prepared(broken) if broken.when_prepared else _failing(trace, broken, contract=contract)


def _failing(trace: RevisionTrace, broken: BrokenStatement, *, contract: bool) -> Diagnostic:
    # code seldom gives a key that has a default
    mild = contract or (broken.sqlstate == _GENERATED and not _computes(trace, broken.statement.table))
    return Diagnostic(
        CODE,
        Severity.WARNING if mild else SEVERITY,
        None,
        broken.statement.table,
        f"A statement that the code before may send fails now: {broken}.",
        "Make sure that no deployed code sends it any more."
        if contract
        else "Do it when no deployed code sends it any more, in a revision whose docstring says `Phase: contract`.",
    )


def _prepared(broken: BrokenStatement) -> Diagnostic:
    return Diagnostic(
        CODE,
        Severity.NOTE,
        None,
        broken.statement.table,
        f"Where it was prepared before, a statement fails now: {broken}.",
        "Drivers that prepare again go on; others must reconnect after the upgrade.",
    )


def _is_explained(trace: RevisionTrace, broken: BrokenStatement) -> bool:
    """Return whether something that is gone or newly required is the cause: other rules say so better.

    A NULL that is refused from now on is a matter of values, unless the column is new or lost its default.
    """
    table = broken.statement.table
    gone = {*removed(trace, "table"), *removed(trace, "view")}
    if table in gone or (broken.sqlstate == _NULL and not broken.elsewhere):
        return True
    if broken.sqlstate == _GENERATED and any(refuses_what_it_needed(trace, name) for name in _columns(trace, table)):
        return True
    columns = any(split(column)[0] == table for column in removed(trace, "column"))
    return broken.sqlstate in _MISSING and (bool(gone) or columns or bool(removed(trace, "function")))


def _computes(trace: RevisionTrace, table: str) -> bool:
    """Return whether a column of a table is computed now that could be given before."""
    return any(
        attributes(trace.after, "column", name).get("generated")
        and not attributes(trace.before, "column", name).get("generated")
        for name in _columns(trace, table)
    )


def _columns(trace: RevisionTrace, table: str) -> list[str]:
    return [name for name in kept(trace, "column") if split(name)[0] == table]
