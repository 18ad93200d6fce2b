"""Changes that Postgres has no statement to undo, so that a downgrade may leave them.

These are `ALTER TYPE … ADD VALUE` (manual, ALTER TYPE), `VALIDATE CONSTRAINT` of a table or a domain (manual, ALTER
TABLE), `ALTER EXTENSION … UPDATE` (manual, section "Extension Updates"), and `NO INHERIT`, after which the columns and
CHECKs that a table had from its parent are its own, even if it inherits again. A downgrade would have to drop and
create the type, the constraint, the extension or the table, which takes locks of its own. The old code usually runs
with what stays.
"""

from domain.migration.names import split
from domain.migration.repair.definitions import Attributes, texts
from domain.migration.snapshot import AttributeChange, ObjectKey, SchemaDifference, SchemaSnapshot


def one_way(difference: SchemaDifference, before: SchemaSnapshot, restored: SchemaSnapshot) -> SchemaDifference:
    """Return the part of a difference that Postgres has no statement to undo.

    Args:
        difference: Difference between the two schemas.
        before: Schema before the upgrade.
        restored: Schema after the downgrade.
    """
    return SchemaDifference(
        missing=tuple(key for key in difference.missing if _is_validated_not_null(key, before, restored)),
        changed=tuple(change for change in difference.changed if _goes_one_way(change, before, restored)),
    )


def _goes_one_way(change: AttributeChange, before: SchemaSnapshot, restored: SchemaSnapshot) -> bool:
    match change.key[0], change.attribute:
        case "type", "values":
            values = texts(change.expected)
            return [value for value in texts(change.actual) if value in values] == values
        case "constraint", "validated" | "definition":
            return _is_validated(before.objects[change.key], restored.objects[change.key])
        case "extension", "version":
            return True
        case "column" | "constraint", "local":
            table = ("table", split(change.key[1])[0])
            parents = (before.objects.get(table, {}).get("parents"), restored.objects.get(table, {}).get("parents"))
            return change.expected is False and parents[0] == parents[1]
    return False


def _is_validated(expected: Attributes, actual: Attributes) -> bool:
    return (
        expected.get("validated") is False
        and actual.get("validated") is True
        and str(expected["definition"]).removesuffix(" NOT VALID") == actual["definition"]
    )


def _is_validated_not_null(key: ObjectKey, before: SchemaSnapshot, restored: SchemaSnapshot) -> bool:
    """Return whether a NOT NULL constraint of Postgres 18 was validated, after which it belongs to its column."""
    constraint = before.objects[key]
    if key[0] != "constraint" or constraint.get("type") != "not null":
        return False
    column = str(constraint["definition"]).removeprefix("NOT NULL ").removesuffix(" NOT VALID")
    return restored.objects.get(("column", f"{split(key[1])[0]}.{column}"), {}).get("not_null") is True
