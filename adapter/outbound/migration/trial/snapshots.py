"""The catalog of a database that is inspected only once."""

from adapter.outbound.migration.catalog.foreign_tables import restrict
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.project.version_table import version_tables
from adapter.outbound.postgres import direct
from domain.migration.snapshot import SchemaSnapshot


def read_snapshot(url: str) -> SchemaSnapshot:
    """Return the catalog of a database, without the version tables, read in a session of its own."""
    with direct.connect(url, autocommit=True) as connection:
        restrict(connection)
        return snapshot(connection, exclude_tables=version_tables(connection))
