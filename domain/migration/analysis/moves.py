"""Objects that a revision moves: into another schema, or into or out of a partitioned table.

A moved object is not lost. Postgres reports each object that it drops (manual, chapter "Event Triggers", `sql_drop`).
An object that is missing under its old name and was not dropped has moved.
"""

from collections.abc import Iterator

from domain.migration.analysis.changes import added, removed
from domain.migration.digest import DataChangeKind, DataDifference
from domain.migration.names import split
from domain.migration.repair.definitions import texts
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of
from domain.migration.trace import RevisionTrace


def renamed_schemas(trace: RevisionTrace) -> dict[str, str]:
    """Return the new name of each renamed schema, by its old name."""
    new_names: dict[str, str] = {}
    for old in removed(trace, "schema"):
        old_objects = {(kind, split(name)[1]) for kind, name in _objects(trace.before) if split(name)[0] == old}
        for new in added(trace, "schema"):
            new_objects = {(kind, split(name)[1]) for kind, name in _objects(trace.after) if split(name)[0] == new}
            if (
                not is_dropped(trace, "schema", old)
                and not _is_created(trace, "schema", new)
                and old_objects <= new_objects
            ):
                new_names[old] = new
    return new_names


def moved_to(trace: RevisionTrace, kind: str, name: str) -> str | None:
    """Return the name of a moved object in its new schema; None if the object was not moved or was dropped."""
    own = split(name)[1]
    if is_dropped(trace, kind, name):
        return None
    candidates = [new for new in added(trace, kind) if split(new)[1] == own and not _is_created(trace, kind, new)]
    return candidates[0] if len(candidates) == 1 else None


def is_elsewhere(trace: RevisionTrace, kind: str, name: str) -> bool:
    """Return whether an object has only moved along with its renamed schema, which is reported for the schema."""
    return moved_to(trace, kind, name) is not None and split(name)[0] in renamed_schemas(trace)


def without_moves(
    difference: DataDifference, before: SchemaSnapshot | None, restored: SchemaSnapshot | None
) -> DataDifference:
    """Return a difference without the rows that an attached or detached partition brought or took along."""
    parents_before, parents_after = ancestors(before), ancestors(restored)
    attached = {
        name: parents_after[name]
        for name in parents_after.keys() - parents_before.keys()
        if attributes(before, "table", name)
    }
    detached = {
        name: parents_before[name]
        for name in parents_before.keys() - parents_after.keys()
        if attributes(restored, "table", name)
    }
    moved = {*attached, *detached}
    parents = {parent for ancestors in (*attached.values(), *detached.values()) for parent in ancestors}
    rows = {change.subject: change.count or 0 for change in difference.changes if change.subject in moved}
    detached_rows = {
        parent: sum(rows.get(name, 0) for name in detached if parent in detached[name]) for parent in parents
    }
    return DataDifference(
        tuple(
            change
            for change in difference.changes
            if not (change.subject in moved and change.kind in {DataChangeKind.TABLE_GONE, DataChangeKind.TABLE_NEW})
            and not (change.subject in parents and change.kind is DataChangeKind.ROWS_NEW)
            and not (
                change.subject in parents
                and change.kind is DataChangeKind.ROWS_GONE
                and (change.count or 0) <= detached_rows[change.subject]
            )
        )
    )


def ancestors(snapshot: SchemaSnapshot | None) -> dict[str, tuple[str, ...]]:
    """Return all tables above each partition or child table, the direct parent first."""
    direct = {name: texts(attributes(snapshot, "table", name).get("parents")) for name in names_of(snapshot, "table")}

    def above(name: str) -> Iterator[str]:
        for parent in direct.get(name, ()):
            yield parent
            yield from above(parent)

    return {name: tuple(above(name)) for name, parents in direct.items() if parents}


def _objects(snapshot: SchemaSnapshot | None) -> Iterator[tuple[str, str]]:
    return iter(() if snapshot is None else snapshot.objects)


def is_dropped(trace: RevisionTrace, kind: str, name: str) -> bool:
    """Return whether Postgres reported that an object was dropped."""
    return any(
        changed.name == name and changed.kind.endswith(kind)
        for statement in trace.upgrade
        for changed in statement.dropped
    )


def _is_created(trace: RevisionTrace, kind: str, name: str) -> bool:
    return any(
        changed.name == name and changed.kind.endswith(kind)
        for statement in trace.upgrade
        for changed in statement.created
    )
