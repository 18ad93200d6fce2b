"""What a revision moved: into another schema, in or out of a partitioned table. Nothing of it is gone.

Postgres reports each object that it drops (manual, chapter "Event Triggers", `sql_drop`). What is not where it was, and
was not dropped, has moved.
"""

from collections.abc import Iterator

from domain.migration.analysis.judging import added, removed
from domain.migration.digest import DataChangeKind, DataDifference
from domain.migration.names import split
from domain.migration.snapshot import SchemaSnapshot, attributes, names_of
from domain.migration.trace import RevisionTrace


def renamed_schemas(trace: RevisionTrace) -> dict[str, str]:
    """Pair the schemas that have another name with that."""
    found: dict[str, str] = {}
    for old in removed(trace, "schema"):
        inside = {(kind, split(name)[1]) for kind, name in _objects(trace.before) if split(name)[0] == old}
        for new in added(trace, "schema"):
            there = {(kind, split(name)[1]) for kind, name in _objects(trace.after) if split(name)[0] == new}
            if not is_dropped(trace, "schema", old) and not _is_created(trace, "schema", new) and inside <= there:
                found[old] = new
    return found


def moved_to(trace: RevisionTrace, kind: str, name: str) -> str | None:
    """Name where an object is now that was in another schema; None where it is not, or went."""
    own = split(name)[1]
    if is_dropped(trace, kind, name):
        return None
    found = [new for new in added(trace, kind) if split(new)[1] == own and not _is_created(trace, kind, new)]
    return found[0] if len(found) == 1 else None


def is_elsewhere(trace: RevisionTrace, kind: str, name: str) -> bool:
    """Return whether an object is in a schema that has another name now, which is said of the schema."""
    return moved_to(trace, kind, name) is not None and split(name)[0] in renamed_schemas(trace)


def without_moves(
    difference: DataDifference, before: SchemaSnapshot | None, restored: SchemaSnapshot | None
) -> DataDifference:
    """Leave out of a difference the rows that came into a partitioned table, or left it, with their table."""
    was, now = _parents(before), _parents(restored)
    came = {name: now[name] for name in now.keys() - was.keys() if attributes(before, "table", name)}
    left = {name: was[name] for name in was.keys() - now.keys() if attributes(restored, "table", name)}
    moved = {*came, *left}
    parents = {parent for found in (*came.values(), *left.values()) for parent in found}
    rows = {change.subject: change.count or 0 for change in difference.changes if change.subject in moved}
    gone = {parent: sum(rows.get(name, 0) for name in left if parent in left[name]) for parent in parents}
    return DataDifference(
        tuple(
            change
            for change in difference.changes
            if not (change.subject in moved and change.kind in {DataChangeKind.TABLE_GONE, DataChangeKind.TABLE_NEW})
            and not (change.subject in parents and change.kind is DataChangeKind.ROWS_NEW)
            and not (
                change.subject in parents
                and change.kind is DataChangeKind.ROWS_GONE
                and (change.count or 0) <= gone[change.subject]
            )
        )
    )


def _parents(snapshot: SchemaSnapshot | None) -> dict[str, tuple[str, ...]]:
    """Name the tables that are parts of others, each with all tables above it."""
    direct = {name: _texts(attributes(snapshot, "table", name).get("parents")) for name in names_of(snapshot, "table")}

    def above(name: str) -> Iterator[str]:
        for parent in direct.get(name, ()):
            yield parent
            yield from above(parent)

    return {name: tuple(above(name)) for name, parents in direct.items() if parents}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, tuple) else ()


def _objects(snapshot: SchemaSnapshot | None) -> Iterator[tuple[str, str]]:
    return iter(() if snapshot is None else snapshot.objects)


def is_dropped(trace: RevisionTrace, kind: str, name: str) -> bool:
    """Return whether Postgres reported that an object was dropped."""
    return any(one.name == name and one.kind.endswith(kind) for step in trace.upgrade for one in step.dropped)


def _is_created(trace: RevisionTrace, kind: str, name: str) -> bool:
    return any(one.name == name and one.kind.endswith(kind) for step in trace.upgrade for one in step.created)
