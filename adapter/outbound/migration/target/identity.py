"""Reads what tells a database from all others."""

from typing import Any

import psycopg

from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.plan import TargetIdentity

_DATABASE = "SELECT pg_catalog.current_database(), pg_catalog.current_setting('server_version')"
# Every cluster has its own number since initdb; a physical standby has that of its primary.
_SYSTEM = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()"


def read_identity(connection: psycopg.Connection[Any], url: DatabaseURL) -> TargetIdentity:
    """Return the identity of the database that a connection leads to.

    Raises:
        psycopg.Error: The database cannot be read.
    """
    database, version = connection.execute(_DATABASE.encode()).fetchone() or ("", "")
    try:
        with connection.transaction():
            row = connection.execute(_SYSTEM.encode()).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        row = None
    return TargetIdentity(
        database=str(database),
        system_identifier=str(row[0]) if row else None,
        address=str(url),
        postgres=str(version).partition(" ")[0],
    )
