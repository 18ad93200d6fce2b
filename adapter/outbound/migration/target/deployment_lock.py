"""The advisory lock that lets one deployment at a time change a database.

It is polled: a session that waits in `pg_advisory_lock` holds a snapshot, for which a concurrent build of the
deployment that has the lock would wait. Its key is not that of `alembic upgrade`, which each revision of this project
takes itself.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.holders import Holder, end_them, holders_query, join, read_holders
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.deployment_lock import DeploymentLock

# Any number that no other software uses works; advisory locks belong to one database.
KEY = 0x6865_7861_6465_706C
_HOLDERS = f"""
SELECT l.pid FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
   AND l.classid::bigint = {KEY >> 32} AND l.objid::bigint = {KEY & 0xFFFF_FFFF}
"""  # noqa: S608 - numbers


@dataclass(frozen=True)
class AdvisoryLock(DeploymentLock):
    """Takes the lock on a connection of its own; Postgres releases it when this process dies.

    Attributes:
        url: The database.
        seconds: How long to wait for another deployment.
    """

    url: DatabaseURL
    seconds: float = 0.0

    @contextmanager
    def held(self) -> Iterator[Callable[[], bool]]:
        """Hold the lock, and yield what asks the server whether its session still has it.

        Raises:
            DatabaseError: Another deployment still runs after that time.
            psycopg.Error: The database cannot be reached or refuses.
        """
        with psycopg.connect(
            self.url.libpq,
            autocommit=True,
            client_encoding="utf8",
            application_name="hexalembic deployment",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        ) as connection:
            self._wait(connection)
            yield lambda: _is_alive(connection)

    def _wait(self, connection: psycopg.Connection[Any]) -> None:
        deadline = time.monotonic() + self.seconds
        while not _value(connection, "SELECT pg_catalog.pg_try_advisory_lock(%s)", KEY):
            if time.monotonic() >= deadline:
                holders = _holders(connection)
                end = end_them(holders)
                raise DatabaseError(
                    f"Another deployment of this database runs: {join(holders) or 'it has just ended'}.",
                    "Wait for it (--wait SECONDS)" + (f", or end it: {end}" if end else "."),
                )
            time.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - it spreads the pollers


def _is_alive(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a session is still there; the lock is its own, and goes with it."""
    try:
        return _value(connection, "SELECT true") is True
    except psycopg.Error:
        return False


def _holders(connection: psycopg.Connection[Any]) -> tuple[Holder, ...]:
    return read_holders(connection.execute(holders_query(_HOLDERS).encode()).fetchall())


def _value(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> Any:
    row = connection.execute(query.encode(), parameters).fetchone()
    return row and row[0]
