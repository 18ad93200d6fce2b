"""Throw-away databases on a server that a URL names, which is somebody else's."""

from contextlib import suppress
from typing import ClassVar

import psycopg

from adapter.outbound.migration.sandbox.role import BASE, check_role
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.postgres.errors import DatabaseError


class GuestSandbox(ServerSandbox):
    """Databases on a server of somebody else, as a role that can reach nothing else there; nothing of them stays.

    They are made from the database `hexalembic_sandbox_base`, where there is one. All sandboxes on a server have the
    same role: a revision could drop another sandbox's database there (one in use only WITH FORCE), and nobody else's.
    What a revision has set for that role, or for the database that the URL names, is undone when the next one opens.
    """

    _options: ClassVar[str] = (
        "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 -c search_path=pg_catalog"
    )

    def _check(self) -> None:
        """Raise an error where the role may do more than it should.

        Raises:
            UnfitRoleError: It may, or it may not create databases.
        """
        try:
            check_role(self._connection)
        except BaseException:
            self._connection.close()
            raise
        for change in ("ROLE CURRENT_USER", f'DATABASE "{self.url.database}"'):
            with suppress(psycopg.Error):  # the database may be somebody else's
                self._connection.execute(f"ALTER {change} RESET ALL".encode())
        found = self._connection.execute("SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", (BASE,))
        if found.fetchone() == (True,):
            self._source = BASE

    def _drop_leftovers(self) -> None:
        super()._drop_leftovers()
        self._drop_templates()

    def _drop_databases(self) -> None:
        super()._drop_databases()
        with suppress(psycopg.Error):  # the server has gone
            self._drop_templates()

    def _drop_templates(self) -> None:
        """Drop what was kept for the time of a command, unless others are at work, who do it when they end."""
        if not self._is_alone():
            return
        for name in self._templates():
            try:
                self._drop(name)
            except DatabaseError as error:
                self._warn_of(name, error)
