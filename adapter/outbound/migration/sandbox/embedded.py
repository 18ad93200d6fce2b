"""Temporary databases on an embedded server of their own, on which revisions are superusers."""

import atexit
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import psycopg

from adapter.outbound.isolation.gate import Gate
from adapter.outbound.isolation.socket_files import peer
from adapter.outbound.migration.catalog.foreign_tables import KIND, SETTING
from adapter.outbound.migration.sandbox.extensions import extension_settings, write_extensions
from adapter.outbound.migration.sandbox.memory import drop_tablespace, memory_tablespace, recreate_folders
from adapter.outbound.migration.sandbox.names import PREFIX
from adapter.outbound.migration.sandbox.places import cache_directory
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.sandbox.server_health import check_server, undo_changes
from adapter.outbound.migration.sandbox.server_roles import ServerRoles, drop_roles
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.full_disk import describe_full_disk, has_no_room

# Data on this server need not survive a crash of the machine. The WAL level stays, because the size of the WAL is
# measured. Replication is off. Foreign tables are refused, so that no revision connects to another server.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_connections": "100",
    "max_logical_replication_workers": "0",
    "max_replication_slots": "0",
    "max_wal_senders": "0",
    SETTING: KIND,
}
# Classes of SQLSTATE that a server without room answers with: a checkpoint that failed, a crash of the whole server.
_FAULTS = ("08", "57", "58", "XX")
_SETTINGS_SINCE = {17: {"allow_alter_system": "off"}}


class EmbeddedSandbox(ServerSandbox):
    """Databases on an embedded server, whose data directory is kept because of its templates.

    The databases are in memory when there is enough of it. The server stops on its own some seconds after the last
    sandbox on it is closed.
    """

    # overrides settings that a revision has made for the sandbox's own role
    _options: ClassVar[str] = (
        "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 -c search_path=pg_catalog"
    )

    def __init__(self, major: int | None = None, directory: Path | None = None, *, walled: bool = True) -> None:
        """Start the server; a server that revisions have made unusable is created anew.

        Args:
            major: Major version of Postgres; None for the default of `embedded.start`.
            directory: Folder of the data directories; None for `cache_directory()`.
            walled: Whether the kernel refuses all outgoing connections of the server.

        Raises:
            DatabaseConfigurationError: The version or the directory cannot be used.
            DatabaseError: The server did not start.
        """
        data_folder = directory or cache_directory()
        try:
            self._open(major, data_folder, walled=walled)
        except embedded.UnusableServerError:
            embedded.reset(major, data_folder, force=True)
            self._open(major, data_folder, walled=walled)

    def _open(self, major: int | None, data_folder: Path, *, walled: bool) -> None:
        recreate_folders(data_folder)
        settings = _settings(major, data_folder)
        self._server = embedded.start(major, data_folder, settings=settings, throw_away=True, walled=walled)
        try:
            write_extensions(data_folder)
            super().__init__(self._server.url("postgres"))
            if self._is_alone():
                for template in drop_roles(self._connection):
                    self._drop(template)
                undo_changes(self._connection, PREFIX)
            self._known = {name for name, _ in self._others()}
            self._roles = ServerRoles(self._connection)
            self._tablespace = memory_tablespace(self._connection)
        except BaseException:
            self._abandon()
            raise

    def _first_connection(self) -> psycopg.Connection[Any]:
        return self._connect()

    def _connect(self) -> psycopg.Connection[Any]:
        """Open a session, and make sure of the server before anything is changed on it.

        Whoever may write in the folder of the socket can put another server's there.

        Raises:
            DatabaseError: It cannot be reached, or it is another server.
        """
        connection = super()._connect()
        row = connection.execute("SELECT system_identifier FROM pg_catalog.pg_control_system()").fetchone()
        if row != (self._server.system_identifier,):
            connection.close()
            raise self._stranger()
        return connection

    def let_in(self, gate: Gate) -> None:
        """Let the process of a project reach this server, and no other that takes the place of its socket.

        Raises:
            DatabaseError: Another server's socket is in that place by now.
        """
        path = f"{self._server.socket_directory}/.s.PGSQL.{self._server.port}"
        try:
            gate.let_through(path, peer(self._connection.fileno()))
        except OSError as error:
            raise self._stranger() from error

    def _stranger(self) -> DatabaseError:
        return DatabaseError(
            f"The server in {self._server.socket_directory} is not the sandbox's server; nothing was done there.",
            "Find out who put another server's socket there; migrate db reset creates the folder again.",
        )

    def _check(self) -> None:
        check_server(self._connection)

    def _refused(self, error: psycopg.Error) -> DatabaseError:
        is_fault = error.sqlstate is None or error.sqlstate.startswith(_FAULTS)
        if is_fault and has_no_room(self._server.data_directory):
            return self.full_disk(error.diag.message_primary or str(error).partition("\n")[0])
        return super()._refused(error)

    def full_disk(self, message: str) -> DatabaseError:
        """Return the error that describes a full disk of this machine, or full memory.

        Args:
            message: The server's message, which has the path of the file.
        """
        tablespace = re.search(r"pg_tblspc/(\d+)/", message)
        if tablespace is None:
            hint = "free space there, or put the sandbox elsewhere: HEXALEMBIC_SANDBOX_DIR=FOLDER"
            return describe_full_disk("the sandbox's server", self._server.data_directory, message, hint)
        folder = Path(os.path.realpath(self._server.data_directory / "pg_tblspc" / tablespace[1]))
        hint = "free memory there, or keep the sandbox's databases on the disk: HEXALEMBIC_SANDBOX_MEMORY="
        return describe_full_disk("the sandbox's server", folder, message, hint)

    def _abandon(self) -> None:
        """Release the server after a failed start, when no database has been created yet."""
        atexit.unregister(self.close)
        if hasattr(self, "_connection"):
            self._connection.close()
        embedded.release(self._server)

    def close(self) -> None:
        """Drop all databases of this sandbox with their roles, and release the server."""
        super().close()
        if os.getpid() == self._pid:
            embedded.release(self._server)

    def _drop_databases(self) -> None:
        super()._drop_databases()
        if self._tablespace is not None:
            drop_tablespace(self._connection, self._is_alone)


def _settings(major: int | None, data_folder: Path) -> dict[str, str]:
    """Return the settings of a server of a major version, with its data directory in a folder."""
    version = embedded.DEFAULT_MAJOR
    with suppress(ValueError):  # the start of the server refuses a value that is no number
        version = major or int(os.environ.get("HEXALEMBIC_POSTGRES_VERSION") or version)
    later_settings = [settings for since, settings in _SETTINGS_SINCE.items() if version >= since]
    later = {name: value for settings in later_settings for name, value in settings.items()}
    return _SETTINGS | later | extension_settings(data_folder, version)
