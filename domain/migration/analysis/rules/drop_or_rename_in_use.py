"""A table, column, view, function or sequence that the code before uses is gone, or has another name.

While a deployment goes on, the old code still runs: its statements name what is no longer there and fail at once. The
safe way is a parallel change: add the new thing, write both, move readers over, and drop the old thing in a revision
that runs when nobody uses it any more. Say so with a line `Phase: contract` in the docstring of that revision; then
this is a warning. A table that was renamed can stay
reachable through a view of its old name:

    op.rename_table("users", "accounts")
    op.execute("CREATE VIEW users AS TABLE accounts")
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.forms import dropped_column
from domain.migration.analysis.judging import added, removed, renamed_by, statement_of
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.moves import is_elsewhere, moved_to, renamed_schemas
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import execute, lines, quoted, revised
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
    """Find what is missing afterwards."""
    containers = [name for kind in ("table", "view") for name in removed(trace, kind)]
    reachable = names_of(trace.after, "table") | names_of(trace.after, "view")
    gone = [(kind, name) for kind in ("table", "view") for name in removed(trace, kind) if name not in reachable]
    gone += [
        ("column", name)
        for name in removed(trace, "column")
        if split(name)[0] not in containers or split(name)[0] in reachable
    ]
    gone += [("function", name) for name in removed(trace, "function") if _callable(trace, name)]
    gone += [("sequence", name) for name in removed(trace, "sequence") if _is_free(trace, name)]
    for old, new in renamed_schemas(trace).items():
        yield _said(trace, "schema", old, f"The schema {old} is now called {new}", None)
    for kind, name in gone:
        if not is_elsewhere(trace, kind, name):
            yield _diagnostic(trace, kind, name)
    for name in removed(trace, "table"):
        if _is_read_only(trace, name):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "view", name),
                name,
                f"The table {name} is a view now that Postgres cannot write through as before: INSERT, UPDATE or "
                "DELETE of the code that ran before fail.",
                "Let the view show one table, without joins and groups, or give it INSTEAD OF triggers.",
            )


def _is_read_only(trace: RevisionTrace, view: str) -> bool:
    """Return whether a view is not updatable by itself (manual, CREATE VIEW, "Updatable Views"), and nothing helps it.

    What was tried tells; where nothing could be tried, its definition.
    """
    held = attributes(trace.after, "view", view)
    if not held:
        return False
    if trace.compatibility is not None and view in trace.compatibility.inserted:
        return bool(trace.compatibility.failing(view) - {"SELECT"})
    if any(split(name)[0] == view for kind in ("trigger", "rule") for name in names_of(trace.after, kind)):
        return False
    source = str(held["definition"]).partition("FROM ")[2].partition(" WHERE ")[0]
    return held.get("kind") == "materialized view" or "," in source or _MORE.search(str(held["definition"])) is not None


def _diagnostic(trace: RevisionTrace, kind: str, name: str) -> Diagnostic:
    new = _new_name(trace, kind, name)
    what = f"is now called {new}" if new else "is gone"
    return _said(trace, kind, name, f"The {kind} {name} {what}", _fix(trace, kind, name, new))


def _said(trace: RevisionTrace, kind: str, name: str, said: str, fix: str | None) -> Diagnostic:
    table = split(name)[0] if kind == "column" else name
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    return Diagnostic(
        CODE,
        Severity.WARNING if contract else SEVERITY,
        statement_of(trace, kind, name),
        table,
        f"{said}: statements of the code that ran before and name it fail.",
        "Make sure that no deployed code uses it any more."
        if contract
        else "Do it when no deployed code uses it any more, in a revision whose docstring says `Phase: contract`.",
        fix,
    )


def _new_name(trace: RevisionTrace, kind: str, name: str) -> str | None:
    """Tell a rename from a drop by a new object to which a statement renames it, or by one in another schema."""
    renamed = next((new for new in added(trace, kind) if renamed_by(trace, name, new) is not None), None)
    return renamed or (moved_to(trace, kind, name) if kind != "column" else None)


def _fix(trace: RevisionTrace, kind: str, name: str, new: str | None) -> str | None:
    if new is None:
        return None
    if kind == "table" and split(name)[0] != split(new)[0]:
        there, back = (f"ALTER TABLE {at} SET SCHEMA {split(to)[0]}" for at, to in ((name, new), (new, name)))
        view = execute(f"CREATE VIEW {name} AS TABLE {new}")
        return revised(lines(execute(there), view), execute(f"DROP VIEW {name}"), execute(back))
    if kind == "table":
        old_name, new_name, schema = quoted(bare(name)), quoted(bare(new)), schema_argument(name)
        return revised(
            lines(f"op.rename_table({old_name}, {new_name}{schema})", execute(f"CREATE VIEW {name} AS TABLE {new}")),
            execute(f"DROP VIEW {name}"),
            f"op.rename_table({new_name}, {old_name}{schema})",
        )
    if kind == "column":
        table, held = split(name)[0], attributes(trace.before, kind, name)
        return revised(
            lines(
                execute(f"ALTER TABLE {table} ADD COLUMN {split(new)[1]} {held['type']}"),
                f"# Write both columns, fill {bare(new)} in batches in the next revision, and drop {bare(name)} last.",
            ),
            dropped_column(table, split(new)[1]),
        )
    return None


_MORE = re.compile(
    r"^\s*WITH\b|\bDISTINCT\b|\bJOIN\b|\bGROUP BY\b|\bHAVING\b|\bUNION\b|\bINTERSECT\b|\bEXCEPT\b|\bLIMIT\b"
)


def _callable(trace: RevisionTrace, function: str) -> bool:
    definition = str(attributes(trace.before, "function", function).get("definition", ""))
    if re.search(r"\bRETURNS\s+(event_)?trigger\b", definition, re.IGNORECASE):
        return False
    return not any(_takes_calls_of(trace, new, function) for new in added(trace, "function"))


def _takes_calls_of(trace: RevisionTrace, new: str, old: str) -> bool:
    """Return whether a new function of the same name has the same first arguments, and defaults for all others."""
    (name, arguments), (old_name, old_arguments) = (one.removesuffix(")").split("(", 1) for one in (new, old))
    given, wanted = ([part for part in text.split(",") if part] for text in (old_arguments, arguments))
    head = str(attributes(trace.after, "function", new).get("definition", "")).partition("RETURNS")[0]
    return name == old_name and wanted[: len(given)] == given and head.count("DEFAULT ") >= len(wanted) - len(given)


def _is_free(trace: RevisionTrace, sequence: str) -> bool:
    """Return whether no column owns a sequence, so that code which wants its numbers names it."""
    return attributes(trace.before, "sequence", sequence).get("owned_by") is None
