"""Objects that tables need and Alembic does not create: schemas, the extension vector, sequences, domains."""

import logging
from collections.abc import Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import UpgradeOps
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult, to_list
from sqlalchemy import ARRAY, Connection, MetaData, text
from sqlalchemy.dialects.postgresql import DOMAIN, CreateDomainType
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSequence

from adapter.outbound.database.autogenerate.expressions import PREPARER, literal_text
from adapter.outbound.database.autogenerate.operations import SQLChange, ddl_text, type_text
from adapter.outbound.database.autogenerate.server_forms import rolled_back

log = logging.getLogger(f"alembic.{__name__}")


def setup(plugin: Plugin) -> None:
    """Register the comparator, to run after the tables, because its statements are placed before theirs."""
    plugin.add_autogenerate_comparator(compare, "autogenerate", "namespaces", priority=DispatchPriority.LAST)


def compare(context: AutogenContext, upgrade_ops: UpgradeOps) -> PriorityDispatchResult:
    """Create objects that the models need and the database lacks, and change sequences; other objects stay."""
    connection = context.connection
    if connection is None:
        return PriorityDispatchResult.CONTINUE
    changes = [change for metadata in to_list(context.metadata) for change in _missing(connection, metadata)]
    changes += [change for metadata in to_list(context.metadata) for change in _changed_sequences(connection, metadata)]
    for change in changes:
        log.info("Detected missing or changed %s", change.subject)
    upgrade_ops.ops[:0] = changes
    return PriorityDispatchResult.CONTINUE


def create_missing(connection: Connection, metadata: MetaData) -> None:
    """Create what this role may create, inside a savepoint of the caller, so that copies of the models fit there."""
    for change in _missing(connection, metadata):
        savepoint = connection.begin_nested()
        try:
            connection.execute(text(literal_text(change.upgrade_sql)))
        except DBAPIError:
            savepoint.rollback()
        else:
            savepoint.commit()


def _missing(connection: Connection, metadata: MetaData) -> Iterator[SQLChange]:
    for missing in (_schemas, _extension, _sequences, _domains):
        yield from missing(connection, metadata)


def _schemas(connection: Connection, metadata: MetaData) -> Iterator[SQLChange]:
    quote = PREPARER.quote_schema
    model_schemas = {table.schema for table in metadata.tables.values() if table.schema}
    existing_schemas = set(connection.scalars(text("SELECT CAST(nspname AS text) FROM pg_catalog.pg_namespace")))
    for name in sorted(model_schemas - existing_schemas):
        yield SQLChange("add_schema", name, f"CREATE SCHEMA {quote(name)}", f"DROP SCHEMA {quote(name)}")


def _extension(connection: Connection, metadata: MetaData) -> Iterator[SQLChange]:
    """Create the extension of pgvector if a model needs it; a downgrade keeps it, because others may use it."""
    types = (column.type for table in metadata.tables.values() for column in table.columns)
    element_types = (type_.item_type if isinstance(type_, ARRAY) else type_ for type_ in types)
    if any(type(type_).__module__.startswith("pgvector.") for type_ in element_types) and connection.scalar(
        text("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector')")
    ):
        yield SQLChange("add_extension", "vector", "CREATE EXTENSION IF NOT EXISTS vector", "")


def _sequences(connection: Connection, metadata: MetaData) -> Iterator[SQLChange]:
    for sequence in metadata._sequences.values():  # noqa: SLF001  # SQLAlchemy has no public list
        name = PREPARER.format_sequence(sequence)
        if connection.scalar(text("SELECT to_regclass(:name) IS NULL"), {"name": name}):
            yield SQLChange("add_sequence", name, ddl_text(CreateSequence(sequence)), f"DROP SEQUENCE {name}")


def _changed_sequences(connection: Connection, metadata: MetaData) -> Iterator[SQLChange]:
    """Change the options of sequences that differ from those of a temporary sequence with the model's options."""
    for sequence in metadata._sequences.values():  # noqa: SLF001
        name = PREPARER.format_sequence(sequence)
        create = ddl_text(CreateSequence(sequence)).replace(f"CREATE SEQUENCE {name}", f"CREATE SEQUENCE {_COPY}", 1)
        before = connection.scalar(text(_SEQUENCE), {"name": name})
        if before is None:
            continue
        with rolled_back(connection):
            connection.execute(text(literal_text(create)))
            after = connection.scalar(text(_SEQUENCE), {"name": _COPY})
        if before != after:
            yield SQLChange(
                "modify_sequence", name, f"ALTER SEQUENCE {name} {after}", f"ALTER SEQUENCE {name} {before}"
            )


def _domains(connection: Connection, metadata: MetaData) -> Iterator[SQLChange]:
    domains = {
        type_text(column.type): column.type
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, DOMAIN)
    }
    for name, domain in sorted(domains.items()):
        if connection.scalar(text("SELECT to_regtype(:name) IS NULL"), {"name": name}):
            yield SQLChange("add_domain", name, ddl_text(CreateDomainType(domain)), f"DROP DOMAIN {name}")


_COPY = "pg_temp._hexalembic_sequence"
_SEQUENCE = """
SELECT concat_ws(' ', 'AS', format_type(seqtypid, NULL), 'INCREMENT BY', seqincrement, 'MINVALUE', seqmin,
                 'MAXVALUE', seqmax, 'START WITH', seqstart, 'CACHE', seqcache, CASE WHEN NOT seqcycle THEN 'NO' END,
                 'CYCLE')
  FROM pg_catalog.pg_sequence WHERE seqrelid = to_regclass(:name)
"""
