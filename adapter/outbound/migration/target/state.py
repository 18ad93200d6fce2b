"""Reads what a database says of itself: its revisions, pgvector, indexes that no query uses."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.target.applied import TIMEOUTS, applied_revisions
from adapter.outbound.migration.target.identity import read_identity
from adapter.outbound.postgres.direct import closed_on_failure
from adapter.outbound.postgres.explain import costs_more, server_message
from adapter.outbound.postgres.server_state import EXTENSION, INSTALLED, INVALID_INDEXES
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.target import Target
from domain.migration.deployment.plan import Destroyed, Loss, TargetIdentity
from domain.migration.drift import BESIDE_SCHEMAS
from domain.migration.names import split
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.status import TargetState

Read = TypeVar("Read")
_COUNTING = "SET LOCAL statement_timeout = '5s'"
_OF_COLUMNS = {Loss.COLUMN, Loss.CONVERTED}


@dataclass(frozen=True)
class DatabaseTarget(Target):
    """A database that is in use; it is only read.

    Attributes:
        url: Where it is.
    """

    url: DatabaseURL

    def major(self) -> int:
        """Return the major version of the server.

        Raises:
            psycopg.Error: The database cannot be reached or refused.
        """
        with self._session() as connection:
            return connection.info.server_version // 10_000

    def state(self, version_tables: Collection[str]) -> TargetState:
        """Return what it says of itself.

        Raises:
            DatabaseError: This role may not read the version table, or somebody has locked it.
            psycopg.Error: The database cannot be reached or refused.
        """
        unread: list[str] = []
        with self._session() as connection:

            def item(name: str, read: Callable[[], Read], otherwise: Read) -> Read:
                """Read something that costs itself only where it cannot be read."""
                try:
                    with connection.transaction():
                        return read()
                except psycopg.Error as error:
                    if costs_more(error):
                        raise
                    unread.append(f"{name} ({server_message(error)})")
                    return otherwise

            def row(query: str) -> tuple[Any, ...] | None:
                return connection.execute(query.encode()).fetchone()

            current = applied_revisions(connection, self.url, version_tables)
            postgres = str(connection.execute("SHOW server_version").fetchone()[0]).partition(" ")[0]  # type: ignore[index]
            extension = item("the extensions on offer", lambda: row(EXTENSION), None)
            extension = extension or item("the extension", lambda: row(INSTALLED), None)
            no_rows: list[tuple[Any, ...]] = []
            indexes = item("invalid indexes", lambda: connection.execute(INVALID_INDEXES.encode()).fetchall(), no_rows)
        return TargetState(
            database=str(self.url),
            postgres=postgres,
            current=current,
            extension=extension[0] if extension else None,
            extension_available=extension[1] if extension else None,
            invalid_indexes=tuple(str(name) for (name,) in indexes),
            unread=tuple(unread),
        )

    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return its schemas without the tables in which versions are written.

        Raises:
            psycopg.Error: The database cannot be reached or refused.
        """
        with self._session() as connection:
            excluded = ["alembic_version", *version_tables]
            return snapshot(connection, exclude_tables=excluded, exclude_kinds=BESIDE_SCHEMAS)

    def identity(self) -> TargetIdentity:
        """Return what tells it from all other databases.

        Raises:
            psycopg.Error: The database cannot be reached or refused.
        """
        with self._session() as connection:
            return read_identity(connection, self.url)

    def count(self, destroyed: Iterable[Destroyed]) -> dict[str, int | None]:
        """Return how many rows tables have, and how many values columns, by name.

        Returns:
            The numbers; None where it takes longer than some seconds, or where the role may not read the table, or
            where it has that name only at a later step.

        Raises:
            psycopg.Error: The database cannot be reached.
        """
        counts: dict[str, int | None] = {}
        with self._session() as connection:
            connection.execute(_COUNTING)
            for item in destroyed:
                counts[item.name] = None
                with suppress(psycopg.Error), connection.transaction():
                    table, column = split(item.name) if item.loss in _OF_COLUMNS else (item.name, "*")
                    row = connection.execute(f"SELECT count({column}) FROM {table}".encode()).fetchone()  # noqa: S608
                    counts[item.name] = int(row[0]) if row else None
        return counts

    def _session(self) -> "psycopg.Connection[tuple[Any, ...]]":
        # Behind a pooler, a prepared statement would stay in a session that another client gets next.
        session = psycopg.connect(self.url.libpq, client_encoding="utf8", prepare_threshold=None)
        with closed_on_failure(session) as connection:
            connection.read_only = True
            connection.execute(TIMEOUTS)
            return connection
