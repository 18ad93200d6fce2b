"""A table, column, view, function or sequence that the old code uses is dropped or renamed.

The old code still runs while a deployment goes on. Its statements name an object that no longer exists, and fail at
once. If two objects exchange their names, its statements run and take one for the other, which is worse. The safe way
is a parallel change: add the new object, write both, move the readers over, and drop the old object in a later
revision, when no deployed code uses it. Declare that revision with a line `Phase: contract` in its docstring; then this
is a warning. A renamed table can stay reachable through a view of its old name:

    op.rename_table("users", "accounts")
    op.execute("CREATE VIEW users AS TABLE accounts")
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from domain.migration.analysis.changes import added, has_checked_type, is_inherited, removed, renamed_by, statement_of
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.moves import is_elsewhere, moved_to, renamed_schemas
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.taken_over import TakenOver, comments
from domain.migration.analysis.wording import listed
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.exchanges import circles, exchanged
from domain.migration.forms.column import Column
from domain.migration.forms.renamed_table import RenamedTable
from domain.migration.forms.second_column import SecondColumn
from domain.migration.names import split
from domain.migration.revision import Phase, declared_phase
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "drop-or-rename-in-use"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.EXPAND_MIGRATE_CONTRACT
BAD = Example(
    USERS,
    'op.alter_column("users", "name", new_column_name="full_name")',
    'op.alter_column("users", "full_name", new_column_name="name")',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("full_name", sa.Text()))',
    'op.drop_column("users", "full_name")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report objects that are missing or exchanged after the upgrade, and tables that became views nobody can write."""
    containers = [name for kind in ("table", "view") for name in removed(trace, kind)]
    reachable = names_of(trace.after, "table") | names_of(trace.after, "view")
    missing_objects = [
        (kind, name) for kind in ("table", "view") for name in removed(trace, kind) if name not in reachable
    ]
    missing_objects += [
        ("column", name)
        for name in removed(trace, "column")
        if (split(name)[0] not in containers or split(name)[0] in reachable) and not is_inherited(trace.before, name)
    ]
    missing_objects += [("function", name) for name in removed(trace, "function") if _is_callable(trace, name)]
    missing_objects += [("sequence", name) for name in removed(trace, "sequence") if _is_free(trace, name)]
    for old, new in renamed_schemas(trace).items():
        yield _changed(trace, "schema", old, f"The schema {old} is now called {new}", None)
    for kind, name in missing_objects:
        if not is_elsewhere(trace, kind, name):
            yield _diagnostic(trace, kind, name)
    yield from _exchanges(trace)
    for name in removed(trace, "table"):
        if _is_read_only(trace, name):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "view", name),
                name,
                f"The table {name} becomes a view through which Postgres cannot write, so an INSERT, UPDATE or DELETE "
                "of the old code fails.",
                "Let the view show one table, without joins or groups, or give it INSTEAD OF triggers.",
            )


def _exchanges(trace: RevisionTrace) -> Iterator[Diagnostic]:
    """Report objects that have exchanged their names, so that every name still exists."""
    for kind in ("table", "view", "column", "sequence", "function"):
        for names in circles(exchanged(trace.before, trace.upgrade, kind)):
            statement = next(
                index
                for index, traced in enumerate(trace.upgrade)
                if any(item.kind.endswith(kind) and item.old in names for item in traced.renamed)
            )
            yield _changed(
                trace,
                kind,
                names[0],
                f"The {kind}s {listed(names)} have exchanged their names",
                None,
                effect="statements of the old code run, but read or write another one than they mean",
                statement=statement,
            )


def _is_read_only(trace: RevisionTrace, view: str) -> bool:
    """Return whether a view takes no writes (manual, CREATE VIEW, "Updatable Views") and has no trigger or rule for it.

    The statements that were tried decide. If none could be tried, the definition of the view decides.
    """
    catalog_entry = attributes(trace.after, "view", view)
    if not catalog_entry:
        return False
    if trace.compatibility is not None and view in trace.compatibility.inserted:
        return bool(trace.compatibility.failing(view) - {"SELECT"})
    if any(split(name)[0] == view for kind in ("trigger", "rule") for name in names_of(trace.after, kind)):
        return False
    source = str(catalog_entry["definition"]).partition("FROM ")[2].partition(" WHERE ")[0]
    return (
        catalog_entry.get("kind") == "materialized view"
        or "," in source
        or _MORE.search(str(catalog_entry["definition"])) is not None
    )


def _diagnostic(trace: RevisionTrace, kind: str, name: str) -> Diagnostic:
    new = _new_name(trace, kind, name)
    change = f"is now called {new}" if new else "is gone"
    return _changed(trace, kind, name, f"The {kind} {name} {change}", _fix(trace, kind, name, new))


def _changed(
    trace: RevisionTrace,
    kind: str,
    name: str,
    change: str,
    fix: str | None,
    *,
    effect: str = "statements of the old code that name it fail",
    statement: int | None = None,
) -> Diagnostic:
    table = split(name)[0] if kind == "column" else name
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    return Diagnostic(
        CODE,
        Severity.WARNING if contract else SEVERITY,
        statement_of(trace, kind, name) if statement is None else statement,
        table,
        f"{change}, so {effect}.",
        "Make sure that no deployed code uses it any more."
        if contract
        else "Make this change when no deployed code uses it any more, in a revision whose docstring says `Phase: "
        "contract`.",
        fix,
    )


def _new_name(trace: RevisionTrace, kind: str, name: str) -> str | None:
    """Return the name that a renamed object has now, or its name in another schema; None where it was dropped."""
    renamed = next((new for new in added(trace, kind) if renamed_by(trace, kind, name, new) is not None), None)
    return renamed or (moved_to(trace, kind, name) if kind != "column" else None)


def _fix(trace: RevisionTrace, kind: str, name: str, new: str | None) -> str | None:
    if new is None:
        return None
    if kind == "table":
        return _other_renames(trace, name) + RenamedTable.of(trace.before, name, new).expand.fix
    if kind == "column" and not (_is_computed(trace, name) or has_checked_type(trace.before, name)):
        column = Column.of(trace.before, name)
        renamed = replace(column, name=split(new)[1], type=Column.of(trace.after, new).type)
        return SecondColumn(column, renamed, catalogs=(trace.before, trace.after)).announced.fix
    return None


def _other_renames(trace: RevisionTrace, table: str) -> str:
    """Return the comments that take out further statements which give a table another name or schema."""
    current, own, taken_over = table, statement_of(trace, "table", table), list[TakenOver]()
    for index, step in enumerate(trace.upgrade):
        for item in step.renamed:
            if (item.kind, item.old) == ("table", current):
                if index != own:
                    taken_over.append(TakenOver(index, f"the rename to {item.new}"))
                current = item.new
    return comments(taken_over)


def _is_computed(trace: RevisionTrace, column: str) -> bool:
    """Return whether Postgres computes a column from others, so that none can be kept alike with it."""
    return attributes(trace.before, "column", column).get("generated") is not None


_MORE = re.compile(
    r"^\s*WITH\b|\bDISTINCT\b|\bJOIN\b|\bGROUP BY\b|\bHAVING\b|\bUNION\b|\bINTERSECT\b|\bEXCEPT\b|\bLIMIT\b"
)


def _is_callable(trace: RevisionTrace, function: str) -> bool:
    definition = str(attributes(trace.before, "function", function).get("definition", ""))
    if re.search(r"\bRETURNS\s+(event_)?trigger\b", definition, re.IGNORECASE):
        return False
    return not any(_takes_calls_of(trace, new, function) for new in added(trace, "function"))


def _takes_calls_of(trace: RevisionTrace, new: str, old: str) -> bool:
    """Return whether a new function of the same name has the same first arguments, and defaults for all others."""
    (name, new_list), (old_name, old_list) = (function.removesuffix(")").split("(", 1) for function in (new, old))
    arguments, old_arguments = ([argument for argument in text.split(",") if argument] for text in (new_list, old_list))
    head = str(attributes(trace.after, "function", new).get("definition", "")).partition("RETURNS")[0]
    same_start = arguments[: len(old_arguments)] == old_arguments
    return name == old_name and same_start and head.count("DEFAULT ") >= len(arguments) - len(old_arguments)


def _is_free(trace: RevisionTrace, sequence: str) -> bool:
    """Return whether no column owns a sequence, so that code must name it to use it."""
    return attributes(trace.before, "sequence", sequence).get("owned_by") is None
