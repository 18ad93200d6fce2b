"""What separates a migrated database of a project from what its models make, in the sandbox."""

import psycopg
from psycopg import sql

from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.snapshots import read_snapshot
from domain.migration.snapshot import ObjectKey, SchemaDifference, SchemaSnapshot, compare

# What the administrator decides, what SQLAlchemy cannot say, and what no model declares.
_LEFT_ALONE = frozenset({"position", "owner", "acl", "options"})


def read_model_drift(databases: RevisionDatabases) -> tuple[SchemaDifference | None, str]:
    """Compare a database at the heads with one that `create_all` made.

    Returns:
        The difference, None where env.py has no models or they cannot be made; and why they cannot.
    """
    migrated, made = databases.at(databases.history().heads), databases.at(())
    try:
        _prepare(made.url, migrated.url)
        created = databases.run(made.url, "models")
        if created.error or not created.models:
            return None, created.error.message if created.error else ""
        there = databases.run(migrated.url, "only_there")
        if there.error:
            return None, there.error.message
        return _difference(read_snapshot(made.url), read_snapshot(migrated.url), frozenset(there.only_there)), ""
    finally:
        databases.drop(migrated)
        databases.drop(made)


def _prepare(made: str, migrated: str) -> None:
    """Create the extensions and schemas of the migrated database, which revisions make and models do not."""
    with psycopg.connect(migrated) as source, psycopg.connect(made, autocommit=True) as target:
        schemas = source.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        ).fetchall()
        extensions = source.execute("SELECT extname, extnamespace::regnamespace::text FROM pg_extension").fetchall()
        for (name,) in schemas:
            target.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))
        for name, schema in extensions:
            create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {} CASCADE")
            target.execute(create.format(sql.Identifier(name), sql.SQL(schema)))


def _difference(expected: SchemaSnapshot, actual: SchemaSnapshot, only_there: frozenset[ObjectKey]) -> SchemaDifference:
    """Return what differs; a constraint of another name that says the same is none, as models often name none."""
    found = compare(expected, actual, ignore=_LEFT_ALONE)
    gone = tuple(f"{name}." for kind, name in only_there if kind == "table")
    unexpected = tuple(key for key in found.unexpected if key in only_there or key[1].startswith(gone or ("\0",)))
    meant = {_meaning(key, actual) for key in found.unexpected} - {None}
    missing = tuple(key for key in found.missing if _meaning(key, expected) not in meant)
    said = {_meaning(key, expected) for key in found.missing} - {None}
    unexpected = tuple(key for key in unexpected if _meaning(key, actual) not in said)
    return SchemaDifference(missing, unexpected, found.changed)


def _meaning(key: ObjectKey, schema: SchemaSnapshot) -> tuple[str, str] | None:
    """Return what a constraint says of which table, or None; the index behind one goes by its constraint."""
    attributes = schema.objects[key]
    if key[0] == "constraint":
        return key[1].rpartition(".")[0], str(attributes.get("definition"))
    if key[0] == "index" and attributes.get("constraint"):
        definition = str(attributes.get("definition")).partition(" ON ")[2]
        return f"index of {attributes.get('table')}", definition
    return None
