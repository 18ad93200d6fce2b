"""Tells a connection pooler that gives each transaction another session, on which no upgrade can run.

Behind PgBouncer in transaction mode the lock of one session guards nothing, and stays behind; so do settings, and a
revision's SET. Neither its port nor its name tells it. What does:

- Postgres sends each client the number of its process (manual, "Message Flow", BackendKeyData), for a later request to
  cancel. A pooler sends one of its own making, as the process changes. So where `pg_backend_pid()` says another, there
  is a pooler in between; a proxy that only hands bytes on changes nothing.
- In session mode a client has its server process for itself. So a second client that gets the same one, a first that
  gets another while it stays connected, or one that was used in between, prove that the mode is another.
"""

from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection

from adapter.outbound.database.errors import DatabaseConfigurationError
from adapter.outbound.database.explain import sqlstate
from adapter.outbound.database.upgrade.second_connection import SecondConnection, SecondConnections

_ROUNDS = 4
_PATIENCE = 5.0  # seconds
# A driver's prepared statement that is unknown on the next process, or known there from somebody else.
_OTHER_SESSION = {"26000", "42P05"}
_WHERE = """
SELECT coalesce(host(inet_server_addr()), ''), current_setting('port'), current_setting('unix_socket_directories')
"""


def refuse_transaction_pooler(connection: Connection, pid: int) -> None:
    """Refuse to go on where a pooler does not keep one session for a client.

    Args:
        connection: The connection of the upgrade.
        pid: The server's process that its statements run on.

    Raises:
        DatabaseConfigurationError: There is one.
    """
    if not is_pooled(connection, pid):
        return
    connections = SecondConnections(connection)
    try:
        if not connections.within(_PATIENCE, lambda: _shares_sessions(connections)):
            return
    except TimeoutError:
        raise DatabaseConfigurationError(
            f"A connection pooler stands before this database, and had no second connection to give in {_PATIENCE:g} s;"
            " so nobody can tell whether it keeps one session for a client. Nothing was run.",
            _hint(""),
        ) from None
    raise transaction_pooler(_server(connections))


def is_pooled(connection: Connection, pid: int) -> bool:
    """Tell whether the other end is no server process but a pooler; its mode is not asked."""
    return _announced(connection.connection.driver_connection) not in {None, pid}


def transaction_pooler(server: str = "") -> DatabaseConfigurationError:
    """Describe the pooler, and the way around it."""
    return DatabaseConfigurationError(
        "A connection pooler in transaction mode (such as PgBouncer with pool_mode = transaction) stands before this "
        "database: the lock that lets one upgrade run at a time, and settings of the session, do not last there. "
        "Nothing was run.",
        _hint(server),
    )


def _hint(server: str) -> str:
    itself = f" ({server})" if server else ""
    return f"Name the server itself{itself} in DATABASE_URL or -x url=postgresql://…, or set pool_mode = session."


def is_lost_session(error: BaseException) -> bool:
    """Tell whether a prepared statement has got lost between two statements of one client."""
    return sqlstate(error) in _OTHER_SESSION


def _announced(driver: Any) -> int | None:
    """Give the process that the other end announced when the connection was made; None where the driver hides it."""
    if hasattr(driver, "get_server_pid"):  # asyncpg
        return int(driver.get_server_pid())
    found = getattr(getattr(driver, "info", None), "backend_pid", None)  # psycopg, psycopg2
    return None if found is None else int(found)


def _shares_sessions(connections: SecondConnections) -> bool:
    """Tell whether two clients that are connected at once get the same process.

    A pooler takes a process that is idle before it starts another: the one that was used last, or longest ago. Each
    round takes one out of its pool, in an open transaction. So the first client's own is taken at the latest when no
    other is left, or has been used by somebody else, or is its own.
    """
    with ExitStack() as opened:
        try:
            client = opened.enter_context(connections.open())
            for _ in range(_ROUNDS):
                pid, used = _used(client)
                other = opened.enter_context(connections.open())
                other.rows("BEGIN")
                if (pid, used) != _seen(other, pid) or pid != _used(client)[0]:
                    return True
        except Exception as error:
            if is_lost_session(error):
                return True
            raise
    return False


def _used(client: SecondConnection) -> tuple[int, str]:
    """Give the process that a client has, and when its last statement began, which is this one."""
    (row,) = client.rows(
        "SELECT pid, query_start::text FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
    )
    return int(row[0]), str(row[1])


def _seen(other: SecondConnection, pid: int) -> tuple[int, str]:
    """Give a process and when its last statement began, as another client sees it that has a process of its own."""
    rows = other.rows(
        f"SELECT pid, query_start::text FROM pg_catalog.pg_stat_activity "  # noqa: S608 - a number
        f"WHERE pid = {pid} AND pid <> pg_catalog.pg_backend_pid()"
    )
    return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")


def _server(connections: SecondConnections) -> str:
    """Give the address of the server, as it knows it."""

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
