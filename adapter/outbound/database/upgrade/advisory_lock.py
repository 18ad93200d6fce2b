"""The advisory lock that allows only one upgrade of a database at a time.

The lock is polled. A session that waits in `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY of the
upgrade that holds the lock waits for that snapshot. Both would wait for ever (in 7 of 10 runs when tried).
"""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from adapter.outbound.database.upgrade.session import give_back
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.holders import Holder, end_them, holders_query, join, read_holders

logger = logging.getLogger("alembic.runtime.migration")

# Any number that no other software uses works; advisory locks belong to one database.
KEY = 0x6865_7861_6C65_6D62

_HOLDERS = """
SELECT l.pid FROM pg_catalog.pg_locks l
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
   AND l.classid::bigint = {high} AND l.objid::bigint = {low}
"""


@contextmanager
def one_at_a_time(connection: Connection, seconds: float) -> Iterator[None]:
    """Hold the upgrade lock of this database; Postgres releases it when the process dies.

    Args:
        connection: A connection without an open transaction.
        seconds: How long to wait for another upgrade, in seconds.

    Raises:
        DatabaseError: Another upgrade still runs after that time.
    """
    _wait_for_lock(connection, seconds)
    try:
        yield
    finally:
        give_back(connection, lambda: _unlock(connection))


def _wait_for_lock(connection: Connection, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    is_logged = False
    while not _try(connection):
        if not is_logged:
            logger.info("Waiting for another upgrade of this database: %s", _shown(_holders(connection)))
            is_logged = True
        if time.monotonic() > deadline:
            holders = _holders(connection)
            raise DatabaseError(
                f"Another upgrade of this database has run for more than {seconds:g} s: {_shown(holders)}.",
                "Wait for it (-x wait_for_upgrade=SECONDS)"
                + (f", or end it: {end}" if (end := end_them(holders)) else "."),
            )
        time.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - spreads the pollers


def _try(connection: Connection) -> bool:
    is_locked = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": KEY})
    connection.commit()
    return bool(is_locked)


def _unlock(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": KEY})


def _holders(connection: Connection) -> tuple[Holder, ...]:
    query = holders_query(_HOLDERS.format(high=KEY >> 32, low=KEY & 0xFFFF_FFFF))
    holders = read_holders(list(connection.exec_driver_sql(query)))
    connection.commit()
    return holders


def _shown(holders: tuple[Holder, ...]) -> str:
    return join(holders) or "it has just ended"
