"""What a database has otherwise than its revisions make it."""

from collections.abc import Collection

from domain.migration.names import split
from domain.migration.snapshot import ObjectKey, SchemaDifference, SchemaSnapshot, compare

# What the administrator decides, and no revision.
_LEFT_ALONE = frozenset({"position", "owner", "acl", "options"})
BESIDE_SCHEMAS = frozenset({
    "built-in comments", "database", "membership", "parameter privileges", "privileges", "role",
    "role setting", "subscription",
})  # fmt: skip
"""Kinds that belong to the server or to Postgres itself, and differ between servers."""
_OF_SERVER = BESIDE_SCHEMAS | {"extension"}
_ADMINISTRATORS = _OF_SERVER | {"database setting", "security label"}


def drift_from_revisions(expected: SchemaSnapshot, actual: SchemaSnapshot) -> SchemaDifference:
    """Return what differs in the schemas that revisions work in.

    Extensions, roles and the limits of the database are the administrator's, and so is what the database has been set
    to beyond what the revisions set.

    Args:
        expected: The catalog that the revisions make.
        actual: The catalog of the database.
    """
    difference = compare(expected, actual, ignore=_LEFT_ALONE)
    schemas = {name.partition(".")[0] for _kind, name in expected.objects}
    return SchemaDifference(
        tuple(key for key in without_parts(expected, difference.missing) if key[0] not in _OF_SERVER),
        tuple(
            (kind, name)
            for kind, name in difference.unexpected
            if kind not in _ADMINISTRATORS and name.partition(".")[0] in schemas
        ),
        tuple(change for change in difference.changed if change.key[0] not in _OF_SERVER),
    )


def without_parts(expected: SchemaSnapshot, missing: Collection[ObjectKey]) -> tuple[ObjectKey, ...]:
    """Return missing objects without the indexes and sequences of missing tables and views, which come with these.

    Args:
        expected: The catalog that has the objects.
        missing: The kinds and names of the missing objects.
    """
    tables = {name for kind, name in missing if kind in {"table", "view"}}
    return tuple(key for key in missing if _owner(expected, key) not in tables)


def _owner(expected: SchemaSnapshot, key: ObjectKey) -> str | None:
    """Return the table or view of an index, or of a sequence that a column owns; None for other objects."""
    kind, attributes = key[0], expected.objects[key]
    if kind == "index":
        return str(attributes.get("table"))
    return split(str(attributes["owned_by"]))[0] if kind == "sequence" and attributes.get("owned_by") else None
