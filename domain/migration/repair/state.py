"""The state of a derivation: the actual schema on its way to the expected one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from domain.migration.snapshot import ObjectKey, SchemaSnapshot

# Objects of these kinds are dropped and created again if one of these attributes differs.
REMADE: Mapping[str, frozenset[str]] = {
    "constraint": frozenset({"definition", "type", "deferrable", "deferred", "enforced", "validated"}),
    "index": frozenset({"definition", "opclass", "opclass_options", "predicate", "unique", "nulls_not_distinct"}),
    "trigger": frozenset({"definition"}),
    "rule": frozenset({"definition"}),
    "policy": frozenset({"command", "permissive", "roles", "using", "check"}),
    "view": frozenset({"definition", "kind"}),
    "statistics": frozenset({"definition"}),
    "cast": frozenset({"function", "context", "method"}),
    "event trigger": frozenset({"event", "tags", "function"}),
    "publication table": frozenset({"columns", "row_filter"}),
}


@dataclass
class RepairState:
    """The state of a derivation: the actual schema on its way to the expected one.

    Attributes:
        expected: Schema to reach.
        actual: Present schema, with renames undone.
        changed: Names of the attributes that differ, by object.
        unresolved: Differences that no statement resolves, one text each.
    """

    expected: SchemaSnapshot
    actual: SchemaSnapshot
    changed: dict[ObjectKey, set[str]] = field(default_factory=dict)
    unresolved: list[str] = field(default_factory=list)


Altered = Iterator[tuple[str, set[str]]]
"""Statements, each with the names of the attributes that it settles; an empty statement settles without SQL."""
