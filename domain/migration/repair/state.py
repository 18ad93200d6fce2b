"""Two catalogs, while one is led to the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from domain.migration.snapshot import ObjectKey, SchemaSnapshot

# Kinds that are dropped and made again when one of these attributes differs.
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
    """Two catalogs, while one is led to the other.

    Attributes:
        expected: Where it leads.
        actual: As it is, renames undone.
        changed: Attributes that differ, by object.
        unresolved: What no statement brings back, in sentences.
    """

    expected: SchemaSnapshot
    actual: SchemaSnapshot
    changed: dict[ObjectKey, set[str]] = field(default_factory=dict)
    unresolved: list[str] = field(default_factory=list)


Altered = Iterator[tuple[str, set[str]]]
