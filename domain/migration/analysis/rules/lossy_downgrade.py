"""Values that were there before the upgrade are not there after the downgrade, and nobody says so.

A downgrade that creates a dropped column or table again brings it back empty; one that drops or empties what the
upgrade did not make destroys it. The safe way keeps the values until nobody can want them back, or refuses:

    def downgrade() -> None:
        raise NotImplementedError("users.name was dropped with its values; restore the backup")
"""

import re
from collections.abc import Iterator, Mapping

from domain.migration.analysis.impact import truncated
from domain.migration.analysis.judging import refuses
from domain.migration.analysis.moves import without_moves
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.names import bare, split
from domain.migration.op_code import downgrade, quoted
from domain.migration.snapshot import ObjectKey, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RevisionTrace, RowCounts, StatementTrace

CODE = "lossy-downgrade"
SEVERITY = Severity.ERROR
BAD = Example(
    USERS,
    'op.drop_column("users", "name")',
    'op.add_column("users", sa.Column("name", sa.Text()))',
)
GOOD = Example(
    USERS,
    "op.execute(\"COMMENT ON COLUMN users.name IS 'not used since release 7; dropped when nobody can want it'\")",
    'op.execute("COMMENT ON COLUMN users.name IS NULL")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find values that were dropped, emptied or deleted, and that the downgrade did not write again."""
    if trace.downgrade is None or trace.after is None:
        return
    if trace.undone is not None:
        yield from _measured(trace, without_moves(trace.undone, trace.before, trace.restored))
        return
    honest = refuses(trace)
    for table, what in _lost(trace):
        if honest:
            yield Diagnostic(
                CODE,
                Severity.WARNING,
                None,
                table,
                f"The upgrade takes away {what}; the downgrade refuses, so only a backup brings the values back.",
                "Take a backup before the upgrade.",
            )
        elif trace.downgrade_error is None:
            yield Diagnostic(
                CODE,
                SEVERITY,
                None,
                table,
                f"The values of {what} are lost: the downgrade does not bring them back.",
                "Keep them until nobody can want them back, or let the downgrade refuse with a message.",
                downgrade(f"raise NotImplementedError({quoted(f'{what}: restore the backup')})"),
            )


def _measured(trace: RevisionTrace, undone: DataDifference) -> Iterator[Diagnostic]:
    """Return what the rows have lost on the way there and back."""
    for change in undone.losses:
        table = change.subject if ("table", change.subject) in _objects(trace) else split(change.subject)[0]
        if _keeps_time(trace, table, change):
            continue
        yield Diagnostic(
            CODE,
            Severity.WARNING if _is_overwritten(trace, table, change) else SEVERITY,
            None,
            table,
            f"After the downgrade it is not as before the upgrade: {change}.",
            "Keep the values until nobody can want them back, let the downgrade refuse with a message, or declare the "
            "loss.",
            f'lossy_downgrade = {{{quoted(change.subject)}: "why nobody wants it back"}}\n',
            trace.lossy_downgrade.get(change.subject) or None,
        )


def _objects(trace: RevisionTrace) -> Mapping[ObjectKey, object]:
    return {} if trace.before is None else trace.before.objects


def _is_overwritten(trace: RevisionTrace, table: str, change: DataChange) -> bool:
    """Tell a value that an UPDATE of the upgrade put in the place of a made-up one: it may have been meant to be.

    What the downgrade writes, or stores as another type, it changes itself.
    """
    own = re.compile(rf"(?<!\w){re.escape(bare(change.subject))}(?!\w)")
    types = {attributes(state, "column", change.subject).get("type") for state in (trace.before, trace.after)}
    return (
        change.kind is DataChangeKind.VALUES_CHANGED
        and len(types) == 1
        and not any(
            table in one.rows or (table in one.rewritten and own.search(one.sql)) for one in trace.downgrade or ()
        )
    )


def _keeps_time(trace: RevisionTrace, table: str, change: DataChange) -> bool:
    """Tell a time that a trigger wrote because something else of the row was written, from a value of somebody's."""
    column = attributes(trace.before, "column", change.subject)
    return (
        change.kind is DataChangeKind.VALUES_CHANGED
        and str(column.get("type", "")).startswith("timestamp")
        and any(name.startswith(f"{table}.") for name in names_of(trace.before, "trigger"))
    )


def _lost(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    up, down = trace.upgrade, trace.downgrade or ()
    rewritten_rows = _rows(down)
    for table, facts in sorted(trace.tables.items()):
        if not facts.rows:
            continue
        counts = rewritten_rows.get(table, RowCounts())
        dropped = _dropped(up, "table", table) or _emptied(up, table)
        if dropped and counts.inserted < facts.rows / 2:
            yield table, f"the table {table}"
            continue
        deleted = _rows(up).get(table, RowCounts()).deleted
        if not dropped and deleted > counts.inserted:
            yield table, f"{deleted} rows of {table}"
        columns = _columns(trace, table)
        if columns and counts.updated + counts.inserted < facts.rows / 2:
            yield table, ", ".join(columns)
        inserted = _rows(up).get(table, RowCounts()).inserted
        if not dropped and (_emptied(down, table) or counts.deleted > inserted):
            yield table, f"rows of {table}, which the downgrade deletes"


def _columns(trace: RevisionTrace, table: str) -> list[str]:
    """Name columns that the upgrade dropped (not renamed), except those that are computed."""
    return [
        name
        for name in sorted(names_of(trace.before, "column"))
        if split(name)[0] == table
        and _dropped(trace.upgrade, "table column", name)
        and not attributes(trace.before, "column", name).get("generated")
    ]


def _dropped(statements: tuple[StatementTrace, ...], kind: str, name: str) -> bool:
    return any(ChangedObject(kind, name) in statement.dropped for statement in statements)


def _emptied(statements: tuple[StatementTrace, ...], table: str) -> bool:
    return any(table in truncated(statement) for statement in statements)


def _rows(statements: tuple[StatementTrace, ...]) -> dict[str, RowCounts]:
    totals: dict[str, RowCounts] = {}
    for statement in statements:
        for table, counts in statement.rows.items():
            totals[table] = totals.get(table, RowCounts()) + counts
    return totals
