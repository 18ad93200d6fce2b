"""The upgrade itself throws values away: a table is emptied, or a table or column is made anew under its old name.

TRUNCATE, a DELETE of all rows, DROP and CREATE of the same table, DROP COLUMN and ADD COLUMN of the same column: the
code that ran before finds what it names, but nothing in it. A downgrade that refuses is honest about that, and does not
bring the values back. The safe way keeps the old values beside the new ones until nobody wants them:

    op.add_column("users", sa.Column("name_new", sa.Text()))
    # Next revisions: fill it in batches, let the code use it, drop the old one last.

A revision that does this when nobody uses the values any more says so with a line `Phase: contract` in its docstring;
then this is a warning.
"""

from collections.abc import Iterator

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.impact import truncated
from domain.migration.judging import attributes, execute, kept, split, statement_of, suffixed
from domain.migration.revision import Phase, declared_phase
from domain.migration.rule import USERS, Example
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RevisionTrace, RowCounts

CODE = "values-lost"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    """
op.drop_column("users", "name")
op.add_column("users", sa.Column("name", sa.Text()))
""",
    'raise NotImplementedError("the names are gone; restore the backup")',
)
GOOD = Example(
    USERS,
    'op.add_column("users", sa.Column("name_new", sa.Text()))',
    'op.drop_column("users", "name_new")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find tables and columns that are still there and have lost what was in them."""
    if trace.after is None:
        return
    contract = declared_phase(trace.docstring) is Phase.CONTRACT
    for kind, name, statement in _lost(trace):
        table = split(name)[0] if kind == "column" else name
        yield Diagnostic(
            CODE,
            Severity.WARNING if contract else SEVERITY,
            statement if statement is not None else statement_of(trace, kind, name),
            table,
            f"The upgrade throws away the values of the {kind} {name}, which is there afterwards and empty.",
            "Take a backup of them."
            if contract
            else "Keep them beside the new ones until nobody wants them, or say `Phase: contract` in the docstring.",
            _fix(trace, name) if kind == "column" else None,
        )


def _lost(trace: RevisionTrace) -> Iterator[tuple[str, str, int | None]]:
    for table in kept(trace, "table"):
        if not (table in trace.tables and trace.tables[table].rows):
            continue
        statement = _emptied_by(trace, table)
        if statement is not None:
            if not _filled_after(trace, table, statement):
                yield "table", table, statement
            continue
        for column in kept(trace, "column"):
            if split(column)[0] == table and not attributes(trace.before, "column", column).get("generated"):
                dropped = _dropped_by(trace, "table column", column)
                if dropped is not None and not _filled_after(trace, table, dropped):
                    yield "column", column, dropped


def _emptied_by(trace: RevisionTrace, table: str) -> int | None:
    deleted = 0
    for index, statement in enumerate(trace.upgrade):
        deleted += statement.rows.get(table, RowCounts()).deleted
        gone = ChangedObject("table", table) in statement.dropped
        if gone or table in truncated(statement) or deleted >= trace.tables[table].rows:
            return index
    return None


def _dropped_by(trace: RevisionTrace, kind: str, name: str) -> int | None:
    wanted = ChangedObject(kind, name)
    return next((index for index, statement in enumerate(trace.upgrade) if wanted in statement.dropped), None)


def _filled_after(trace: RevisionTrace, table: str, statement: int) -> bool:
    """Tell whether half as many rows as there were are written afterwards, or were copied into a table beside it."""
    later = [one.rows.get(table, RowCounts()) for one in trace.upgrade[statement:]]
    before = trace.tables[table].rows
    return sum(rows.inserted + rows.updated for rows in later) >= before / 2 or _copied(trace, before)


def _copied(trace: RevisionTrace, rows: int) -> bool:
    filled: dict[str, int] = {}
    for statement in trace.upgrade:
        for name, counts in statement.rows.items():
            if name not in trace.tables:
                filled[name] = filled.get(name, 0) + counts.inserted
    return any(count >= rows / 2 for count in filled.values())


def _fix(trace: RevisionTrace, column: str) -> str:
    table, own = split(column)
    new, kind = suffixed(own, "_new"), attributes(trace.after, "column", column)["type"]
    return (
        execute(f"ALTER TABLE {table} ADD COLUMN {new} {kind}")
        + f"# Next revisions: fill {new} in batches, let the code use it, drop {own} last.\n"
    )
