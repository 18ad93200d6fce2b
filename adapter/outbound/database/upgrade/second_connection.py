"""Further connections to the database that an upgrade runs on, whatever driver and engine its own connection has."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.util import greenlet_spawn

Work = TypeVar("Work")


class SecondConnection:
    """A connection on which each statement commits by itself; it is open as long as its context.

    Attributes:
        driver: The driver's own connection.
    """

    def __init__(self, raw: Any, driver: Any) -> None:
        self._raw = raw
        self.driver = driver

    def rows(self, sql: str) -> list[Any]:
        """Run a statement without parameters, and give its rows."""
        cursor = self._raw.cursor()
        try:
            cursor.execute(sql)
            return cast(list[Any], cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()


class SecondConnections:
    """Opens connections to where another one leads; nothing is opened before it is asked for."""

    def __init__(self, connection: Connection) -> None:
        """Take over the way in which the connection's engine connects."""
        self._dialect = connection.dialect
        # a pool of its own: the caller's may have one connection only, and hand out that
        self._pool = connection.engine.pool.recreate()

    @contextmanager
    def open(self) -> Iterator[SecondConnection]:
        """Open one, inside `in_thread` or `within`."""
        fairy = self._pool.connect()
        try:
            raw = cast(Any, fairy.dbapi_connection)
            self._dialect.set_isolation_level(raw, "AUTOCOMMIT")
            yield SecondConnection(raw, fairy.driver_connection)
        finally:
            fairy.invalidate()  # closed for good: nothing goes back to a pool

    def in_thread(self, work: Callable[[], Work]) -> Work:
        """Do something that opens them, in another thread than that of the first connection."""
        return asyncio.run(_spawned(work)) if self._dialect.is_async else work()

    def within(self, seconds: float, work: Callable[[], Work]) -> Work:
        """Do something that opens them, in a thread of its own.

        Raises:
            TimeoutError: It has not ended in that time: the server does not answer, or gives no connection.
        """
        done: list[Work] = []
        failed: list[BaseException] = []

        def target() -> None:
            try:
                done.append(self.in_thread(work))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                failed.append(error)

        thread = threading.Thread(target=target, name="second connection", daemon=True)
        thread.start()
        thread.join(seconds)
        if failed:
            raise failed[0]
        if not done:
            raise TimeoutError(f"no answer in {seconds:g} s")
        return done[0]


async def _spawned(work: Callable[[], Work]) -> Work:
    return cast(Work, await greenlet_spawn(work))
