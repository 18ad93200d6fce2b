"""The drift between the revisions of a project and its models, measured in the sandbox."""

from psycopg import sql

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from application.migration.ports.project_databases import ModelComparison
from domain.migration.drift import BESIDE_SCHEMAS
from domain.migration.snapshot import ObjectKey, SchemaDifference, SchemaSnapshot, compare

_SCHEMAS = f"SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE {IN_USER_SCHEMA}"  # noqa: S608 - a constant
_NOT_MODELED = BESIDE_SCHEMAS | {"extension"}
# Attributes that an administrator sets, that SQLAlchemy cannot express, or that no model declares.
_IGNORED_ATTRIBUTES = frozenset({"position", "owner", "acl", "options"})


def compare_models(databases: RevisionDatabases) -> ModelComparison:
    """Compare a database at the heads with one that `create_all` has created from the models."""
    with databases.at(databases.history().heads) as migrated, databases.at(()) as modeled:
        _prepare(modeled, migrated)
        models_result = modeled.run(Command.MODELS)
        if models_result.error or not models_result.models:
            return ModelComparison(None, models_result.error.message if models_result.error else "")
        migrated_result = migrated.run(Command.ONLY_THERE)
        if migrated_result.error:
            return ModelComparison(None, migrated_result.error.message)
        only_there = frozenset(migrated_result.only_there)
        return ModelComparison(_difference(modeled.snapshot(), migrated.snapshot(), only_there))


def _prepare(modeled: Database, migrated: Database) -> None:
    """Create the schemas and extensions of the migrated database in the other one, as models declare neither."""
    with migrated.connect() as source, modeled.connect() as target:
        schemas = source.execute(_SCHEMAS.encode()).fetchall()
        extensions = source.execute("SELECT extname, extnamespace::regnamespace::text FROM pg_extension").fetchall()
        for (name,) in schemas:
            target.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(name)))
        for name, schema in extensions:
            create = sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {} CASCADE")
            target.execute(create.format(sql.Identifier(name), sql.SQL(schema)))


def _difference(expected: SchemaSnapshot, actual: SchemaSnapshot, only_there: frozenset[ObjectKey]) -> SchemaDifference:
    """Return the difference between the schema of the models and that of the revisions.

    Two constraints with the same definition and different names are equal, because models often leave them unnamed.

    Args:
        expected: The schema that the models create.
        actual: The schema that the revisions create.
        only_there: Objects of the migrated database that the models do not have.
    """
    difference = compare(expected, actual, ignore=_IGNORED_ATTRIBUTES)
    removed_tables = tuple(f"{name}." for kind, name in only_there if kind == "table")
    unexpected = tuple(
        key for key in difference.unexpected if key in only_there or key[1].startswith(removed_tables or ("\0",))
    )
    unexpected_definitions = {_constraint_definition(key, actual) for key in difference.unexpected} - {None}
    missing = tuple(
        key for key in difference.missing if _constraint_definition(key, expected) not in unexpected_definitions
    )
    missing_definitions = {_constraint_definition(key, expected) for key in difference.missing} - {None}
    unexpected = tuple(key for key in unexpected if _constraint_definition(key, actual) not in missing_definitions)
    changed = tuple(change for change in difference.changed if change.key[0] not in _NOT_MODELED)
    return SchemaDifference(missing, unexpected, changed)


def _constraint_definition(key: ObjectKey, schema: SchemaSnapshot) -> tuple[str, str] | None:
    """Return the table and the definition of a constraint, or of the index behind a constraint; None otherwise."""
    attributes = schema.objects[key]
    if key[0] == "constraint":
        return key[1].rpartition(".")[0], str(attributes.get("definition"))
    if key[0] == "index" and attributes.get("constraint"):
        definition = str(attributes.get("definition")).partition(" ON ")[2]
        return f"index of {attributes.get('table')}", definition
    return None
