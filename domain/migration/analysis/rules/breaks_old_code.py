"""A statement that the old code may send succeeds before the upgrade and fails after it.

The old code still runs while a deployment goes on, and its requests fail. The statements are made from the schema
before the upgrade: for each table a SELECT with explicit columns, INSERTs, an INSERT with ON CONFLICT for each unique
key, an UPDATE of each column and a DELETE, and for each function a call. Each of them is tried before and after the
upgrade, also by the roles that have privileges on the table. Other rules report what is dropped, renamed, revoked or
newly required. This rule reports what else breaks: a trigger that refuses, or one that is gone and has filled a
required column or written for a view, a type that cannot read the value, a sequence that starts again, a constraint
that a default violates, a unique key that is gone, a trigger or a view for which a role lacks privileges, a second
function that fits a call as well, the end of a session. So does a new table, view or function in an earlier schema of
the search_path, which code gets in place of the one that it knows, without any error. The safe way is to change first
what the code sends, and then the schema:

    # release 1 writes users_history itself; the revision after it lets a trigger refuse direct changes

A statement that fails only in a session that prepared it before gets a note: the session must prepare it again.
"""

from collections.abc import Iterator

from domain.migration.analysis.changes import kept, refuses_what_it_needed, removed
from domain.migration.analysis.lost_privileges import is_refused_on_purpose
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import USERS, Example
from domain.migration.compatibility import BrokenStatement, Shadowed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import bare, split
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

_MISSING = {"42P01", "42703", "42883", "3F000"}  # undefined table, column, function, schema
_NULL = "23502"
_GENERATED = "428C9"  # a value for a column that makes its own


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report broken statements, one for each table."""
    if trace.compatibility is None:
        return
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    if trace.compatibility.ends_sessions:
        yield _ending(contract=contract)
    yield from (_shadowing(shadowed, contract=contract) for shadowed in trace.compatibility.shadowed)
    reported: set[tuple[str, bool]] = set()
    for broken in trace.compatibility.broken:
        # of a function, the first call
        key = broken.statement.table or broken.statement.sql.partition("(")[0], broken.when_prepared
        if key in reported or _is_explained(trace, broken) or is_refused_on_purpose(trace, broken):
            continue
        reported.add(key)
        yield _prepared(broken) if broken.when_prepared else _failing(trace, broken, contract=contract)


def _ending(*, contract: bool) -> Diagnostic:
    return Diagnostic(
        CODE,
        Severity.WARNING if contract else SEVERITY,
        None,
        None,
        "The upgrade terminates the sessions of others: what they are doing fails, and their transactions are undone.",
        "Wait for locks with a lock_timeout, and try again, in place of ending those who hold them.",
    )


def _shadowing(shadowed: Shadowed, *, contract: bool) -> Diagnostic:
    name = split(shadowed.name.partition("(")[0])[1]
    return Diagnostic(
        CODE,
        Severity.WARNING if contract else SEVERITY,
        None,
        shadowed.name if shadowed.kind in {"table", "view"} else None,
        f"Code that names {name} without its schema gets {shadowed.by or 'nothing'} after the upgrade, in place of the "
        f"{shadowed.kind} {shadowed.name}.",
        "Give the new object another name or a later schema of the search_path, or let the code name the schema first.",
    )


def _failing(trace: RevisionTrace, broken: BrokenStatement, *, contract: bool) -> Diagnostic:
    # Code seldom writes a key that has a default.
    mild = contract or (broken.sqlstate == _GENERATED and not _has_new_generated_column(trace, broken.statement.table))
    return Diagnostic(
        CODE,
        Severity.WARNING if mild else SEVERITY,
        None,
        broken.statement.table or None,
        f"A statement that the old code may send fails after the upgrade: {broken}.",
        "Make sure that no deployed code sends this statement any more."
        if contract
        else "Make this change when no deployed code sends the statement any more, in a revision whose docstring says "
        "`Phase: contract`.",
    )


def _prepared(broken: BrokenStatement) -> Diagnostic:
    return Diagnostic(
        CODE,
        Severity.NOTE,
        None,
        broken.statement.table or None,
        f"A statement that a session prepared before the upgrade fails after it: {broken}.",
        "Most drivers prepare it again and go on. Sessions of other drivers must reconnect after the upgrade.",
    )


def _is_explained(trace: RevisionTrace, broken: BrokenStatement) -> bool:
    """Return whether another rule reports the cause: an object that is gone, or a column that is newly required.

    A NULL that is refused from now on concerns the values, unless the column is new or has lost its default.
    """
    table = broken.statement.table
    removed_relations = {*removed(trace, "table"), *removed(trace, "view")}
    if table in removed_relations:
        return True
    if broken.sqlstate == _NULL and not broken.elsewhere:
        return not _was_filled(trace, broken)
    if broken.sqlstate == _GENERATED and any(
        refuses_what_it_needed(trace, name) for name in _kept_columns(trace, table)
    ):
        return True
    column_is_gone = any(split(column)[0] == table for column in removed(trace, "column"))
    return broken.sqlstate in _MISSING and (
        bool(removed_relations) or column_is_gone or any(removed(trace, kind) for kind in ("function", "schema"))
    )


def _was_filled(trace: RevisionTrace, broken: BrokenStatement) -> bool:
    """Return whether the column that refused a NULL was as required before, so that a trigger must have filled it."""
    return any(
        bare(name) == broken.column
        and bool(attributes(trace.after, "column", name).get("not_null"))
        and all(
            attributes(trace.before, "column", name).get(attribute)
            == attributes(trace.after, "column", name).get(attribute)
            for attribute in ("not_null", "default", "identity", "generated")
        )
        for name in _kept_columns(trace, broken.statement.table)
    )


def _has_new_generated_column(trace: RevisionTrace, table: str) -> bool:
    """Return whether a column of a table is generated now and was not before."""
    return any(
        attributes(trace.after, "column", name).get("generated")
        and not attributes(trace.before, "column", name).get("generated")
        for name in _kept_columns(trace, table)
    )


def _kept_columns(trace: RevisionTrace, table: str) -> list[str]:
    return [name for name in kept(trace, "column") if split(name)[0] == table]
