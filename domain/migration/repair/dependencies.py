"""Who depends on whom, by the names in definitions."""

import re
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

from domain.migration.names import split
from domain.migration.repair.definitions import Attributes
from domain.migration.snapshot import ObjectKey, SchemaSnapshot

_OF_TABLES = frozenset({"column", "constraint", "policy", "trigger", "rule"})
USES_COLUMNS = frozenset({"view", "index", "constraint", "statistics", "policy", "trigger", "rule"})


def text_of(attributes: Attributes) -> str:
    """Return all texts of an object's attributes."""
    return " ".join(str(value) for value in attributes.values() if isinstance(value, str | tuple))


def mentions(text: str, name: str) -> bool:
    """Return whether a text names an object, by its qualified name."""
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
    """Put names in order: whatever the definition of one mentions comes before it; foreign keys come last.

    Those that mention each other in a circle have no order among themselves, but one beside the others.
    """
    chosen = sorted(names, key=lambda name: _rank(kind, snapshot.objects[kind, name], name))
    if kind not in {"type", "view", "table", "function"}:
        return chosen
    described = {name: _described(kind, name, snapshot) for name in chosen}
    graph = {name: [other for other in chosen if other != name and mentions(described[name], other)] for name in chosen}
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = {*error.args[1]}
            graph = {name: [other for other in others if not {name, other} <= circle] for name, others in graph.items()}


def _rank(kind: str, attributes: Attributes, name: str) -> tuple[int, str]:
    if kind == "constraint":
        order = ("primary key", "unique", "check", "exclude", "foreign key")
        found = str(attributes.get("type"))
        return (order.index(found) if found in order else 0, name)
    return (int(attributes.get("generated") is not None), name)


def _described(kind: str, name: str, snapshot: SchemaSnapshot) -> str:
    """Return the text in which the names of other objects stand: of a table also its foreign keys."""
    text = text_of(snapshot.objects[kind, name])
    if kind in {"table", "type"}:
        inner = (attributes for (_, other), attributes in snapshot.objects.items() if split(other)[0] == name)
        text = " ".join([text, *(text_of(attributes).replace("(", " (") for attributes in inner)])
    return text
