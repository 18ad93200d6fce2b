"""What a database has otherwise than its revisions make it."""

from domain.migration.snapshot import SchemaDifference, SchemaSnapshot, compare

# What the administrator decides, and no revision.
_LEFT_ALONE = frozenset({"position", "owner", "acl", "options"})
_ADMINISTRATORS = frozenset({"extension", "database setting", "database privileges"})


def drift_from_revisions(expected: SchemaSnapshot, actual: SchemaSnapshot) -> SchemaDifference:
    """Return what differs in the schemas that revisions work in.

    Extensions are the administrator's, and so is what the database has been set to beyond what the revisions set.

    Args:
        expected: The catalog that the revisions make.
        actual: The catalog of the database.
    """
    difference = compare(expected, actual, ignore=_LEFT_ALONE)
    schemas = {name.partition(".")[0] for _kind, name in expected.objects}
    return SchemaDifference(
        tuple(key for key in difference.missing if key[0] != "extension"),
        tuple(
            (kind, name)
            for kind, name in difference.unexpected
            if kind not in _ADMINISTRATORS and name.partition(".")[0] in schemas
        ),
        tuple(change for change in difference.changed if change.key[0] != "extension"),
    )
