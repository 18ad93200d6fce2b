"""Tells a connection pooler that gives each transaction another session, on which no upgrade can run.

Behind PgBouncer in transaction mode the lock of one session guards nothing, and stays behind; so do settings, and a
revision's SET. Neither its port nor its name tells it. What does:

- Postgres sends each client the number of its process (manual, "Message Flow", BackendKeyData), for a later request to
  cancel. A pooler sends one of its own making, as the process changes. So where `pg_backend_pid()` says another, there
  is a pooler in between; a proxy that only hands bytes on changes nothing.
- In session mode a client has its server process for itself. So a second client that gets the same one, a first that
  gets another while it stays connected, or one that was used in between, prove that the mode is another.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from sqlalchemy import Connection

from adapter.outbound.database.upgrade.second_connection import SecondConnection, SecondConnections
from adapter.outbound.postgres.errors import DatabaseConfigurationError

_ROUNDS = 3
_PATIENCE = 2.0  # seconds
_WHERE = """
SELECT coalesce(host(inet_server_addr()), ''), current_setting('port'), current_setting('unix_socket_directories')
"""


def refuse_transaction_pooler(connection: Connection, pid: int) -> None:
    """Refuse to go on where a pooler does not keep one session for a client.

    Args:
        connection: The connection of the upgrade; no transaction is open on it.
        pid: The server's process that its last statement ran on.

    Raises:
        DatabaseConfigurationError: There is one.
    """
    if not is_pooled(connection, pid):
        return
    connections = SecondConnections(connection)
    if _shares_sessions(connection, connections, pid):
        named = f" ({server})" if (server := _server(connections)) else ""
        raise DatabaseConfigurationError(
            "A connection pooler in transaction mode (such as PgBouncer with pool_mode = transaction) stands before "
            "this database: the lock that lets one upgrade run at a time, and settings of the session, do not last "
            "there. Nothing was run.",
            f"Name the server itself{named} in DATABASE_URL or -x url=postgresql://…, or set pool_mode = session.",
        )


def is_pooled(connection: Connection, pid: int) -> bool:
    """Return whether the other end is no server process but a pooler; its mode is not asked."""
    return _announced(connection.connection.driver_connection) not in {None, pid}


def _announced(driver: Any) -> int | None:
    """Return the process that the other end announced when the connection was made; None where the driver hides it."""
    if hasattr(driver, "get_server_pid"):  # asyncpg
        return int(driver.get_server_pid())
    found = getattr(getattr(driver, "info", None), "backend_pid", None)  # psycopg, psycopg2
    return None if found is None else int(found)


def _shares_sessions(connection: Connection, connections: SecondConnections, pid: int) -> bool:
    """Return whether two clients that are connected at once get the same process.

    A pooler takes a process that is idle before it starts another or lets a client wait: the one that was used last, or
    longest ago. Each round takes one out of its pool, in an open transaction. So the first client's is taken, unless it
    has been used by somebody else, or is its own.
    """
    with _by_itself(connection) as client, ExitStack() as opened:
        for _ in range(_ROUNDS):
            used = _used(client)
            if used[0] != pid:
                return True
            other = opened.enter_context(_Other(connections, pid))
            if other.seen is None:  # it has to wait, though the first client's is idle
                return any(_used(client)[0] != pid for _ in range(_ROUNDS))
            if other.seen != used:
                return True
    return False


@contextmanager
def _by_itself(connection: Connection) -> Iterator[SecondConnection]:
    """Let each statement of a connection commit by itself."""
    raw: Any = connection.connection.dbapi_connection
    level = connection.dialect.get_isolation_level(raw)
    connection.rollback()
    connection.dialect.set_isolation_level(raw, "AUTOCOMMIT")
    try:
        yield SecondConnection(raw, None)
    finally:
        connection.dialect.set_isolation_level(raw, level)


class _Other:
    """Another client, that has a transaction open in its context.

    Attributes:
        seen: The first client's process and when that was last used; 0 where it is this client's. None when this client
            has got no process in time.
    """

    def __init__(self, connections: SecondConnections, pid: int) -> None:
        self._connections = connections
        self._pid = pid
        self._answered, self._let_go = threading.Event(), threading.Event()
        self.seen: tuple[int, str] | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="other client", daemon=True).start()
        self._answered.wait(_PATIENCE)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go.set()

    def _run(self) -> None:
        try:
            self._connections.in_thread(self._hold)
        except BaseException as error:  # noqa: BLE001 - raised again in the first client's thread
            self._error = error
        self._answered.set()

    def _hold(self) -> None:
        with self._connections.open() as client:
            if self._let_go.is_set():
                return
            client.rows("BEGIN")
            self.seen = _seen(client, self._pid)
            self._answered.set()
            self._let_go.wait()


def _used(client: SecondConnection) -> tuple[int, str]:
    """Return the process that a client has, and when its last statement began, which is this one."""
    (row,) = client.rows(
        "SELECT pid, query_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
    )
    return int(row[0]), str(row[1])


def _seen(other: SecondConnection, pid: int) -> tuple[int, str]:
    """Return a process and when its last statement began, as another client sees it that has a process of its own."""
    rows = other.rows(
        f"SELECT pid, query_start::text FROM pg_catalog.pg_stat_activity "  # noqa: S608 - a number
        f"WHERE pid = {pid} AND pid <> pg_catalog.pg_backend_pid()"
    )
    return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")


def _server(connections: SecondConnections) -> str:
    """Return the address of the server, as it knows it."""

    def ask() -> Any:
        with connections.open() as client:
            return client.rows(_WHERE)[0]

    try:
        row = connections.within(_PATIENCE, ask)
    except Exception:  # noqa: BLE001 - the address only helps
        return ""
    address, port, sockets = row
    folder = str(sockets).partition(",")[0].strip().strip('"')
    return f"{address} port {port}" if address else f"the socket in {folder}, port {port}"
