"""Values from before the upgrade are missing after the downgrade, and nothing declares it.

A downgrade that creates a dropped column or table again brings it back empty. A downgrade that drops or empties what
the upgrade did not create destroys values itself. The rollback reports success, and the old code finds its data gone.
The safe way is to keep the values until nobody needs them any more, or to let the downgrade refuse:

    def downgrade() -> None:
        raise NotImplementedError("users.name was dropped with its values; restore the backup")
"""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.impact import truncated
from domain.migration.analysis.moves import without_moves
from domain.migration.analysis.refusal import refuses
from domain.migration.analysis.rule import USERS, Example
from domain.migration.data_difference import NO_OBJECTS
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import LARGE_OBJECTS, DataChange, DataChangeKind, DataDifference
from domain.migration.names import mention, split
from domain.migration.op_code import downgrade, quoted
from domain.migration.snapshot import ObjectKey, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import ChangedObject, RevisionTrace, RowCounts, StatementTrace
from domain.migration.verification.declarations import proposal

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
    """Report values that were dropped, emptied or deleted, and that the downgrade did not write again."""
    if trace.downgrade is None or trace.after is None:
        return
    if trace.undone is not None:
        yield from _measured(trace, without_moves(trace.undone, trace.before, trace.restored))
        return
    refused = refuses(trace)
    for table, loss in _lost(trace):
        if refused:
            yield Diagnostic(
                CODE,
                Severity.WARNING,
                None,
                table,
                f"The upgrade deletes {loss}, and the downgrade refuses, so only a backup can restore the values.",
                "Take a backup before the upgrade.",
            )
        elif trace.downgrade_error is None:
            yield Diagnostic(
                CODE,
                SEVERITY,
                None,
                table,
                f"The values of {loss} are lost: the downgrade does not restore them.",
                "Keep the values until nobody needs them any more, or let the downgrade refuse with a message.",
                downgrade(f"raise NotImplementedError({quoted(f'{loss}: restore the backup')})"),
            )


def _measured(trace: RevisionTrace, undone: DataDifference) -> Iterator[Diagnostic]:
    """Report the values that differ after the upgrade and the downgrade."""
    for change in undone.losses:
        keys = {("table", change.subject), ("sequence", change.subject)}
        is_whole = change.subject == LARGE_OBJECTS or not keys.isdisjoint(_objects(trace))
        table = change.subject if is_whole else split(change.subject)[0]
        if change.subject in trace.stamped:
            continue
        explanation = (
            trace.merging(change.subject)
            if change.subject in trace.merged
            else NO_OBJECTS
            if change.kind is DataChangeKind.NO_OBJECTS_CHANGED
            else ""
        )
        yield Diagnostic(
            CODE,
            Severity.WARNING if _is_overwritten(trace, table, change) or explanation else SEVERITY,
            None,
            table,
            f"The downgrade does not restore what the upgrade changed: {change}."
            + (f" {explanation[0].upper()}{explanation[1:]}." if explanation else ""),
            "Keep the values until nobody needs them any more, let the downgrade refuse with a message, or declare the "
            "loss.",
            proposal(trace),
            trace.lossy_downgrade.get(change.subject) or None,
        )


def _objects(trace: RevisionTrace) -> Mapping[ObjectKey, object]:
    return {} if trace.before is None else trace.before.objects


def _is_overwritten(trace: RevisionTrace, table: str, change: DataChange) -> bool:
    """Return whether an UPDATE of the upgrade replaced a made-up value, which may have been intended.

    This is not so where the type of the column differs, or where the downgrade writes or rewrites the table itself.
    """
    pattern = mention(change.subject)
    types = {attributes(state, "column", change.subject).get("type") for state in (trace.before, trace.after)}
    return (
        change.kind is DataChangeKind.VALUES_CHANGED
        and len(types) == 1
        and not any(
            table in statement.rows or (table in statement.rewritten and pattern.search(statement.sql))
            for statement in trace.downgrade or ()
        )
    )


def _lost(trace: RevisionTrace) -> Iterator[tuple[str, str]]:
    up, down = trace.upgrade, trace.downgrade or ()
    downgrade_rows = _rows(down)
    for table, facts in sorted(trace.tables.items()):
        if not facts.rows:
            continue
        counts = downgrade_rows.get(table, RowCounts())
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
    """Return the columns that the upgrade dropped (not renamed), except generated ones."""
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
