"""Further connections to the database of an upgrade, with the driver and engine of its own connection."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.util import greenlet_spawn

Work = TypeVar("Work")


class SecondConnection:
    """A connection in autocommit mode, which is open as long as its context.

    Attributes:
        driver: The driver's own connection.
    """

    def __init__(self, raw: Any, driver: Any) -> None:
        self._raw = raw
        self.driver = driver

    def rows(self, sql: str) -> list[Any]:
        """Run a statement without parameters and return its rows."""
        cursor = self._raw.cursor()
        try:
            cursor.execute(sql)
            return cast(list[Any], cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()


class SecondConnections:
    """Opens further connections to the database of a connection when they are needed."""

    def __init__(self, connection: Connection) -> None:
        """Take over the dialect and the pool settings of the connection's engine."""
        self._dialect = connection.dialect
        # a separate pool, because the caller's may contain only the connection in use
        self._pool = connection.engine.pool.recreate()

    @contextmanager
    def open(self) -> Iterator[SecondConnection]:
        """Open a connection; call this inside `in_thread` or `within`."""
        fairy = self._pool.connect()
        try:
            raw = cast(Any, fairy.dbapi_connection)
            self._dialect.set_isolation_level(raw, "AUTOCOMMIT")
            yield SecondConnection(raw, fairy.driver_connection)
        finally:
            fairy.invalidate()  # closes the connection, so that it does not return to the pool

    def in_thread(self, work: Callable[[], Work]) -> Work:
        """Run work that opens connections; call this in another thread than that of the first connection."""
        return asyncio.run(_spawned(work)) if self._dialect.is_async else work()

    def within(self, seconds: float, work: Callable[[], Work]) -> Work:
        """Run work that opens connections, in a separate thread.

        Raises:
            TimeoutError: The work takes longer, because the server does not answer or accepts no connection.
        """
        results: list[Work] = []
        errors: list[BaseException] = []

        def target() -> None:
            try:
                results.append(self.in_thread(work))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                errors.append(error)

        thread = threading.Thread(target=target, name="second connection", daemon=True)
        thread.start()
        thread.join(seconds)
        if errors:
            raise errors[0]
        if not results:
            raise TimeoutError(f"no answer in {seconds:g} s")
        return results[0]


async def _spawned(work: Callable[[], Work]) -> Work:
    return cast(Work, await greenlet_spawn(work))
