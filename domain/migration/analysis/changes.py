"""The changes of a schema by an upgrade: what came, went, stayed or was made anew, and by which statement."""

import re
from collections.abc import Collection

from domain.migration.index_definition import key_columns
from domain.migration.names import mention, split
from domain.migration.new_names import NewName, NewNames
from domain.migration.repair.definitions import texts
from domain.migration.snapshot import SchemaSnapshot, Value, attributes, names_of
from domain.migration.trace import ChangedObject, RevisionTrace


def index_table(trace: RevisionTrace, index: str) -> str | None:
    """Return the table of an index; None when neither schema has the index."""
    for snapshot in (trace.after, trace.before):
        if snapshot is not None and ("index", index) in snapshot.objects:
            return str(snapshot.objects[("index", index)]["table"])
    return None


def added(trace: RevisionTrace, kind: str) -> list[str]:
    """Return the objects of a kind that exist after the upgrade and not before, sorted by name."""
    return _moved(trace, kind)[0]


def removed(trace: RevisionTrace, kind: str) -> list[str]:
    """Return the objects of a kind that exist before the upgrade and not after, sorted by name."""
    return _moved(trace, kind)[1]


def kept(trace: RevisionTrace, kind: str) -> list[str]:
    """Return the objects of a kind that exist before and after the upgrade, sorted by name."""
    return _moved(trace, kind)[2]


def _moved(trace: RevisionTrace, kind: str) -> tuple[list[str], list[str], list[str]]:
    """Return the added, removed and kept objects of a kind; all empty if one of the two schemas is not known."""
    if trace.before is None or trace.after is None:
        return [], [], []
    key = f"moved {kind}"
    if key not in trace.memo:
        before, after = names_of(trace.before, kind), names_of(trace.after, kind)
        trace.memo[key] = sorted(after - before), sorted(before - after), sorted(before & after)
    moved: tuple[list[str], list[str], list[str]] = trace.memo[key]
    return moved


def statement_of(trace: RevisionTrace, kind: str, name: str) -> int | None:
    """Return the index of the statement that created, altered or dropped an object.

    The event triggers of Postgres decide. If they report no statement, the first one that names the object counts.
    """
    objects = {ChangedObject(kind, name), ChangedObject(f"table {kind}", name)}
    for index, statement in enumerate(trace.upgrade):
        if objects & {*statement.created, *statement.altered, *statement.dropped}:
            return index
    pattern = mention(name)
    return next((index for index, statement in enumerate(trace.upgrade) if pattern.search(statement.sql)), None)


def through_parents(snapshot: SchemaSnapshot | None, table: str, columns: Collection[str]) -> list[str]:
    """Return through which columns a table's columns change: those of what it is a partition of or inherits from.

    Args:
        snapshot: Schema that has the columns.
        table: The table.
        columns: All columns that change alike, also those of other tables.
    """
    own = sorted(name for name in columns if split(name)[0] == table)
    return list(dict.fromkeys(_through_parent(snapshot, name, columns) for name in own))


def _through_parent(snapshot: SchemaSnapshot | None, column: str, columns: Collection[str]) -> str:
    table, own = split(column)
    above = (f"{parent}.{own}" for parent in texts(attributes(snapshot, "table", table).get("parents")))
    changed = next((name for name in above if name in columns), None)
    return column if changed is None else _through_parent(snapshot, changed, columns)


def is_inherited(snapshot: SchemaSnapshot | None, column: str) -> bool:
    """Return whether a table has a column from another one only, of which it is a partition or which it inherits."""
    return attributes(snapshot, "column", column).get("local") is False


def has_checked_type(snapshot: SchemaSnapshot | None, column: str) -> bool:
    """Return whether a column has a domain with constraints: a table that gets such a column is rewritten for it."""
    domain = str(attributes(snapshot, "column", column).get("type"))
    entry = attributes(snapshot, "type", domain)
    if entry.get("kind") != "domain":
        return False
    return bool(entry.get("not_null")) or any(split(name)[0] == domain for name in names_of(snapshot, "constraint"))


def named_in(trace: RevisionTrace, statement: int, columns: list[str]) -> list[str]:
    """Return the columns that a statement of the upgrade names; all of them if it names none."""
    patterns = {name: mention(name) for name in columns}
    return [name for name in columns if patterns[name].search(trace.upgrade[statement].sql)] or columns


def is_optional(trace: RevisionTrace, column: str) -> bool:
    """Return whether a column had a default, an identity or an expression before, so that INSERTs could omit it."""
    definition = attributes(trace.before, "column", column)
    return any(definition.get(attribute) for attribute in ("default", "identity", "generated"))


def refuses_what_it_needed(trace: RevisionTrace, column: str) -> bool:
    """Return whether INSERTs had to set a column that now refuses values."""
    before, after = attributes(trace.before, "column", column), attributes(trace.after, "column", column)
    return bool(before["not_null"]) and not is_optional(trace, column) and after.get("identity") == "always"


def made_constraints(trace: RevisionTrace) -> list[str]:
    """Return the constraints that the upgrade added, including those that replace one of the same name."""
    if "made constraints" not in trace.memo:
        created = {changed for statement in trace.upgrade for changed in statement.created}
        replaced = [
            name
            for name in kept(trace, "constraint")
            if _is_another(trace, "constraint", name)
            or ChangedObject("table constraint", "{1} on {0}".format(*split(name))) in created
        ]
        trace.memo["made constraints"] = sorted([*added(trace, "constraint"), *replaced])
    constraints: list[str] = trace.memo["made constraints"]
    return constraints


def is_table_made_anew(trace: RevisionTrace, table: str) -> bool:
    """Return whether the upgrade creates a table under the name of another one, which it has dropped or renamed."""
    return ChangedObject("table", table) in {changed for step in trace.upgrade for changed in step.created}


def is_index_made_anew(trace: RevisionTrace, index: str) -> bool:
    """Return whether the upgrade replaced an index by another one of the same name."""
    exists = all(attributes(schema, "index", index) for schema in (trace.before, trace.after))
    return exists and _is_another(trace, "index", index)


def _is_another(trace: RevisionTrace, kind: str, name: str) -> bool:
    before, after = (
        str(attributes(state, kind, name).get("definition")).removesuffix(" NOT VALID")
        for state in (trace.before, trace.after)
    )
    return before != after


def constraint_of(trace: RevisionTrace, index: str) -> str | None:
    """Return the constraint that an index belongs to, if the upgrade added it."""
    constraint = attributes(trace.after, "index", index).get("constraint")
    if constraint is None:
        return None
    name = f"{index_table(trace, index)}.{constraint}"
    return name if name in made_constraints(trace) else None


def constraints_on(trace: RevisionTrace, table: str, statement: int) -> list[str]:
    """Return the constraints of a table that a statement of the upgrade names; else those that no statement names."""
    constraints = [name for name in made_constraints(trace) if split(name)[0] == table]
    patterns = {name: mention(name) for name in constraints}
    named = [name for name in constraints if patterns[name].search(trace.upgrade[statement].sql)]
    return named or [
        name for name in constraints if not any(patterns[name].search(other.sql) for other in trace.upgrade)
    ]


def new_name(trace: RevisionTrace, kind: str, name: str, since: int = 0) -> NewName | None:
    """Return the name that an object has after the upgrade; None for an object that was dropped.

    Args:
        trace: Trace of the revision.
        kind: Kind of the object, such as `table` or `column`.
        name: Qualified name of the object before a statement.
        since: Index of that statement.
    """
    key = f"new names {kind}"
    if key not in trace.memo:
        trace.memo[key] = NewNames(trace.upgrade, kind)
    new_names: NewNames = trace.memo[key]
    return new_names.of(name, since)


def renamed_by(trace: RevisionTrace, kind: str, old: str, new: str, since: int = 0) -> int | None:
    """Return the index of the statement that renames an object; None where another object or none has the new name.

    None also stands for an object of which only the table or the schema was renamed.

    Args:
        trace: Trace of the revision.
        kind: Kind of the object, such as `table` or `column`.
        old: Qualified name of the object before a statement.
        new: Qualified name after the upgrade.
        since: Index of that statement.
    """
    renamed = new_name(trace, kind, old, since)
    return renamed.statement if renamed is not None and renamed.name == new else None


def former_name(trace: RevisionTrace, column: str) -> str | None:
    """Return the name that a column had before the upgrade renamed it; None for a new or unchanged name."""
    if "former names" not in trace.memo:
        new_names = ((old, new_name(trace, "column", old)) for old in removed(trace, "column"))
        trace.memo["former names"] = {
            new.name: old for old, new in new_names if new is not None and new.statement is not None
        }
    former_names: dict[str, str] = trace.memo["former names"]
    return former_names.get(column) if column in added(trace, "column") else None


def new_columns(trace: RevisionTrace) -> list[str]:
    """Return the columns that the upgrade added, without those that only have another name, sorted by name."""
    return [name for name in added(trace, "column") if former_name(trace, name) is None]


def vector_dimensions(type_name: Value) -> tuple[str, int | None] | None:
    """Return the name and the dimensions of a pgvector type, the latter None if undeclared; None for another type."""
    match = _VECTOR.search(str(type_name))
    return (match.group(1), int(match.group(2)) if match.group(2) else None) if match else None


def vector_type_changes(trace: RevisionTrace, table: str | None = None) -> list[str]:
    """Return the columns of a table, or of all tables, whose type changed from or to a type of pgvector."""
    return [
        name
        for name in kept(trace, "column")
        if table is None or split(name)[0] == table
        for before, after in [(attributes(trace.before, "column", name), attributes(trace.after, "column", name))]
        if before["type"] != after["type"] and (vector_dimensions(before["type"]) or vector_dimensions(after["type"]))
    ]


def index_uses(trace: RevisionTrace, index: str, column: str) -> bool:
    """Return whether the definition of an index names a column."""
    definition = str(attributes(trace.after, "index", index).get("definition", ""))
    return mention(column).search(definition.partition(" USING ")[2]) is not None


def uses_new_column(trace: RevisionTrace, index: str) -> bool:
    """Return whether the definition of an index names a column that the upgrade added."""
    table = index_table(trace, index)
    return any(split(name)[0] == table and index_uses(trace, index, name) for name in added(trace, "column"))


def referenced_table(definition: str) -> str | None:
    """Return the table that a constraint refers to, by its definition in the catalog; None unless a foreign key."""
    _, refers, referenced = definition.partition(" REFERENCES ")
    return referenced.partition("(")[0] if refers else None


def has_key_before(trace: RevisionTrace, table: str, columns: list[str]) -> bool:
    """Return whether a table had a unique index on these columns, to which a foreign key can refer."""
    return any(
        entry.get("table") == table
        and str(entry["definition"]).startswith("CREATE UNIQUE ")
        and {*key_columns(str(entry["definition"]))} == {*columns}
        for name in names_of(trace.before, "index")
        for entry in [attributes(trace.before, "index", name)]
    )


_VECTOR = re.compile(r'(?:^|\.)"?(vector|halfvec|sparsevec)"?(?:\((\d+)\))?$')
