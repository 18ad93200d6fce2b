"""The order of a repair: its phases, and the kinds of objects in the order in which they are dropped and created."""

from enum import IntEnum


class Phase(IntEnum):
    """The phases in which the statements run, in this order."""

    RENAME = 0
    DROP = 1
    BASE = 2
    TABLE = 3
    ALTER = 4
    PARTS = 5
    DROP_BASE = 6
    SETTINGS = 7
    ROLES = 8


# Dependents first.
DROPPED = (
    "event trigger", "publication table", "publication schema", "publication", "extension dependency", "policy", "rule",
    "trigger", "view", "constraint", "index", "statistics", "column", "table", "privileges", "parameter privileges",
    "default privileges", "database setting", "role setting", "membership", "cast", "transform",
    "conversion", "operator class", "operator family", "operator", "aggregate", "access method",
    "text search configuration", "text search dictionary", "text search template", "text search parser", "function",
    "language", "sequence", "type", "collation", "user mapping", "foreign server", "foreign data wrapper", "extension",
    "schema", "role",
)  # fmt: skip
_BASE = ("role", "membership", "schema", "extension", "collation", "type", "sequence", "language", "function")
_PARTS = (
    "access method", "aggregate", "cast", "transform", "conversion", "constraint", "view", "index", "foreign key",
    "statistics", "trigger", "rule", "policy", "event trigger", "publication", "publication table",
    "publication schema", "extension dependency", "privileges", "parameter privileges", "default privileges",
    "database setting", "role setting",
)  # fmt: skip
CREATED = (*_BASE, "table", "column", *_PARTS)
_LATE_DROP = DROPPED.index("cast")


def phase_of_drop(kind: str, *, remade: bool) -> Phase:
    """Return the phase in which an object of a kind is dropped.

    Args:
        kind: The kind.
        remade: Whether it is created again.
    """
    if kind == "role":
        return Phase.ROLES
    return Phase.DROP_BASE if DROPPED.index(kind) >= _LATE_DROP and not remade else Phase.DROP


def phase_of_creation(kind: str) -> Phase:
    """Return the phase in which an object of a kind is created."""
    return Phase.BASE if kind in _BASE else Phase.PARTS if kind in _PARTS else Phase.TABLE
