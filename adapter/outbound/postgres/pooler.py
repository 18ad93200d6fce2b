"""Detects a connection pooler in transaction mode, behind which no upgrade can run.

Such a pooler (PgBouncer) may run each transaction on another session. The advisory lock of a session then guards
nothing and is never released, and settings of the session do not last. Port and name do not identify a pooler. These
facts do:

- Postgres sends each client the number of its process (manual, "Message Flow", BackendKeyData), for a later request to
  cancel. A pooler invents that number, because the process changes. So a pooler is in between if `pg_backend_pid()`
  differs from it. A proxy that only passes bytes on does not change the number.
- In session mode a client has a server process of its own. The mode is another if a second client gets the same
  process, if the first client gets a different one while it stays connected, or if its process is used in between.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from sqlalchemy import Connection

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.second_connection import SecondConnection, SecondConnections

_ROUNDS = 3
_PATIENCE = 2.0  # seconds to wait for an answer
_ADDRESS = """
SELECT coalesce(host(inet_server_addr()), ''), current_setting('port'), current_setting('unix_socket_directories')
"""


def refuse_transaction_pooler(connection: Connection, pid: int, named_by: str) -> None:
    """Refuse a connection whose pooler does not keep one session for a client.

    Args:
        connection: The connection of the upgrade; no transaction is open on it.
        pid: The server process that ran its last statement.
        named_by: Where the user names the database, for the hint.

    Raises:
        DatabaseConfigurationError: The connection goes through such a pooler.
    """
    if not is_pooled(connection, pid):
        return
    connections = SecondConnections(connection)
    if _shares_sessions(connection, connections, pid):
        address = f" ({server})" if (server := _server(connections)) else ""
        raise DatabaseConfigurationError(
            "A connection pooler in transaction mode (such as PgBouncer with pool_mode = transaction) is in front "
            "of this database: the lock that lets one upgrade run at a time, and settings of the session, do not last "
            "there. Nothing was run.",
            f"Name the server itself{address} in {named_by}, or set pool_mode = session.",
        )


def is_pooled(connection: Connection, pid: int) -> bool:
    """Return whether the connection goes through a pooler, in whatever mode."""
    return _announced_pid(connection.connection.driver_connection) not in {None, pid}


def _announced_pid(driver: Any) -> int | None:
    """Return the process that the peer announced when connecting, or None if the driver does not expose it."""
    if hasattr(driver, "get_server_pid"):  # asyncpg
        return int(driver.get_server_pid())
    pid = getattr(getattr(driver, "info", None), "backend_pid", None)  # psycopg, psycopg2
    return None if pid is None else int(pid)


def _shares_sessions(connection: Connection, connections: SecondConnections, pid: int) -> bool:
    """Return whether two clients that are connected at the same time get the same process.

    A pooler reuses an idle process, the most or the least recently used one, before it starts another or lets a client
    wait. Each round takes one process out of the pool with an open transaction. So the process of the first client is
    taken, unless it belongs to this client alone (session mode) or another client has used it in between.
    """
    with _autocommit(connection) as client, ExitStack() as stack:
        for _ in range(_ROUNDS):
            own_process = _own_process(client)
            if own_process[0] != pid:
                return True
            second_client = stack.enter_context(_SecondClient(connections, pid))
            if second_client.first_process is None:  # it waits, although the first client's process is idle
                return any(_own_process(client)[0] != pid for _ in range(_ROUNDS))
            if second_client.first_process != own_process:
                return True
    return False


@contextmanager
def _autocommit(connection: Connection) -> Iterator[SecondConnection]:
    """Switch a connection to autocommit inside the context, and yield it as a `SecondConnection`."""
    raw: Any = connection.connection.dbapi_connection
    level = connection.dialect.get_isolation_level(raw)
    connection.rollback()
    connection.dialect.set_isolation_level(raw, "AUTOCOMMIT")
    try:
        yield SecondConnection(raw, None)
    finally:
        connection.dialect.set_isolation_level(raw, level)


class _SecondClient:
    """A second client, which keeps a transaction open inside its context.

    Attributes:
        first_process: The process of the first client and when its last statement began, as this client reads them.
            The process is 0 if both clients have the same one. None if this client has got no process in time.
    """

    def __init__(self, connections: SecondConnections, pid: int) -> None:
        self._connections = connections
        self._pid = pid
        self._answered, self._released = threading.Event(), threading.Event()
        self.first_process: tuple[int, str] | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="other client", daemon=True).start()
        self._answered.wait(_PATIENCE)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()

    def _run(self) -> None:
        try:
            self._connections.in_thread(self._hold)
        except BaseException as error:  # noqa: BLE001 - raised again in the first client's thread
            self._error = error
        self._answered.set()

    def _hold(self) -> None:
        with self._connections.open() as client:
            if self._released.is_set():
                return
            client.rows("BEGIN")
            self.first_process = _process_of(client, self._pid)
            self._answered.set()
            self._released.wait()


def _own_process(client: SecondConnection) -> tuple[int, str]:
    """Return the process of a client, and when its current statement began."""
    (row,) = client.rows(
        "SELECT pid, query_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
    )
    return int(row[0]), str(row[1])


def _process_of(client: SecondConnection, pid: int) -> tuple[int, str]:
    """Return a process and when its last statement began, or (0, "") if the reading client runs on it itself."""
    rows = client.rows(
        f"SELECT pid, query_start::text FROM pg_catalog.pg_stat_activity "  # noqa: S608 - a number
        f"WHERE pid = {pid} AND pid <> pg_catalog.pg_backend_pid()"
    )
    return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")


def _server(connections: SecondConnections) -> str:
    """Return the address that the server has for itself; empty if it cannot be read."""

    def read_address() -> Any:
        with connections.open() as client:
            return client.rows(_ADDRESS)[0]

    try:
        row = connections.within(_PATIENCE, read_address)
    except Exception:  # noqa: BLE001 - the address is only part of a hint
        return ""
    address, port, sockets = row
    folder = str(sockets).partition(",")[0].strip().strip('"')
    return f"{address} port {port}" if address else f"the socket in {folder}, port {port}"
