"""Dependencies between objects, read from the names in their definitions."""

import re
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from domain.migration.names import split
from domain.migration.repair.definitions import Attributes, texts
from domain.migration.snapshot import ObjectKey, SchemaSnapshot

_OF_TABLES = frozenset({"column", "constraint", "policy", "trigger", "rule"})
USES_COLUMNS = frozenset({"view", "index", "constraint", "statistics", "policy", "trigger", "rule"})


def text_of(attributes: Attributes) -> str:
    """Return all texts of an object's attributes, joined."""
    return " ".join(str(value) for value in attributes.values() if isinstance(value, str | tuple))


def mentions(text: str, name: str) -> bool:
    """Return whether a text contains the qualified name of an object."""
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) is not None


def is_key(attributes: Attributes) -> bool:
    """Return whether a constraint is a primary key or unique."""
    return attributes.get("type") in {"primary key", "unique"}


def uses_column(key: ObjectKey, snapshot: SchemaSnapshot, column: str) -> bool:
    """Return whether the definition of an object names a column."""
    kind, name = key
    table, own = split(column)
    text = text_of(snapshot.objects[key])
    of_table = split(name)[0] == table if kind in _OF_TABLES else mentions(text, table)
    return of_table and re.search(rf"(?<!\w){re.escape(own)}(?!\w)", text) is not None


def ordered(names: Iterable[str], kind: str, snapshot: SchemaSnapshot) -> list[str]:
    """Return names in an order in which each object comes after those that its definition mentions.

    Of constraints, foreign keys come last. Objects that mention each other in a circle have no order among themselves.

    Args:
        names: Qualified names of objects.
        kind: Kind of all of them.
        snapshot: Schema that has the objects.
    """
    by_rank = sorted(names, key=lambda name: _rank(kind, snapshot.objects[kind, name], name))
    if kind not in {"type", "view", "table", "function"}:
        return by_rank
    descriptions = {name: _description(kind, name, snapshot) for name in by_rank}
    graph = {
        name: [dependency for dependency in by_rank if dependency != name and mentions(descriptions[name], dependency)]
        for name in by_rank
    }
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = {*error.args[1]}
            graph = {
                name: [dependency for dependency in dependencies if not {name, dependency} <= circle]
                for name, dependencies in graph.items()
            }


def within_other(key: ObjectKey, keys: set[ObjectKey], snapshot: SchemaSnapshot, *, dropping: bool) -> bool:
    """Return whether an object is created or dropped along with another one of the keys.

    Args:
        key: The object.
        keys: Objects that are created or dropped.
        snapshot: The actual schema when objects are dropped, the expected one when they are created.
        dropping: Whether they are dropped.
    """
    kind, name = key
    attributes = snapshot.objects[key]
    outer = split(name)[0]
    within = False
    match kind:
        case "column":
            parents = snapshot.objects.get(("table", outer), {}).get("parents")
            inherited = attributes.get("local") is False and bool(parents)
            within = inherited or any((container, outer) in keys for container in ("table", "view", "type"))
        case "constraint" | "trigger":
            inherited = attributes.get("inherited") is True and attributes.get("local") is not True
            within = inherited or (dropping and any((container, outer) in keys for container in ("table", "type")))
        case "index":
            table = attributes["table"]
            dropped = dropping and any((container, table) in keys for container in ("table", "view"))
            within = dropped or attributes.get("constraint") is not None or attributes.get("parent") is not None
        case "policy" | "rule":
            within = dropping and ("table", outer) in keys
        case "statistics":
            within = dropping and ("table", attributes["table"]) in keys
        case "sequence":
            column = str(attributes.get("owned_by") or "")
            dropped = dropping and (("column", column) in keys or ("table", split(column)[0]) in keys)
            within = dropped or attributes.get("of_identity") is True
        case "membership":
            within = dropping and any(("role", str(attributes[role])) in keys for role in ("role", "member"))
        case "function":
            # The constructors of a range type are created and dropped with it.
            definition = str(attributes["definition"])
            within = " LANGUAGE internal\n" in definition and "range_constructor" in definition
        case "table":
            within = dropping and any(("table", parent) in keys for parent in texts(attributes.get("parents")))
    return within


def generation(key: ObjectKey, snapshot: SchemaSnapshot) -> int:
    """Return how many tables a column is inherited through; 0 for another object."""
    kind, (table, own) = key[0], split(key[1])
    parents = texts(snapshot.objects.get(("table", table), {}).get("parents")) if kind == "column" else ()
    above = (("column", f"{parent}.{own}") for parent in parents)
    return max((1 + generation(column, snapshot) for column in above if column in snapshot.objects), default=0)


def _rank(kind: str, attributes: Attributes, name: str) -> tuple[int, str]:
    if kind == "constraint":
        order = ("primary key", "unique", "check", "exclude", "foreign key")
        constraint_type = str(attributes.get("type"))
        return (order.index(constraint_type) if constraint_type in order else 0, name)
    return (int(attributes.get("generated") is not None), name)


def _description(kind: str, name: str, snapshot: SchemaSnapshot) -> str:
    """Return the text that contains the names of other objects; for a table with that of its parts."""
    text = text_of(snapshot.objects[kind, name])
    if kind in {"table", "type"}:
        inner = (attributes for (_, part), attributes in snapshot.objects.items() if split(part)[0] == name)
        text = " ".join([text, *(text_of(attributes).replace("(", " (") for attributes in inner)])
    return text
