"""Temporary databases on a server that a URL names and that others use, too."""

from contextlib import suppress
from typing import ClassVar

import psycopg

from adapter.outbound.migration.sandbox.role import BASE, check_role
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.sandbox.template_comments import template_comments
from adapter.outbound.postgres.errors import DatabaseError


class GuestSandbox(ServerSandbox):
    """Databases on a server that others use, with a role that can reach nothing else there; all are dropped at the end.

    They are copied from the database `hexalembic_sandbox_base`, when that exists. All sandboxes on a server have the
    same role. A revision can therefore drop another sandbox's database (one in use only WITH FORCE), but no database of
    anybody else. Settings that a revision has made for that role, or for the database that the URL names, are reset
    when the next sandbox opens while no other is open.
    """

    _options: ClassVar[str] = (
        "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 -c search_path=pg_catalog"
    )

    def _check(self) -> None:
        """Raise an error when the role has more privileges than it should.

        Raises:
            UnfitRoleError: The role has too many privileges, or may not create databases.
        """
        try:
            check_role(self._connection)
        except BaseException:
            self._connection.close()
            raise
        if self._is_alone():  # the setting of a revision that another sandbox proves is none of its leftovers
            for subject in ("ROLE CURRENT_USER", f'DATABASE "{self.url.database}"'):
                with suppress(psycopg.Error):  # another role may own the database
                    self._connection.execute(f"ALTER {subject} RESET ALL".encode())
        base_exists = self._connection.execute("SELECT EXISTS (SELECT FROM pg_database WHERE datname = %s)", (BASE,))
        if base_exists.fetchone() == (True,):
            self._source = BASE

    def _drop_leftovers(self) -> None:
        super()._drop_leftovers()
        self._drop_templates()

    def _drop_databases(self) -> None:
        super()._drop_databases()
        with suppress(psycopg.Error):  # the server has stopped
            self._drop_templates()

    def _drop_templates(self) -> None:
        """Drop the templates, unless other sandboxes are open; the last of them drops them."""
        if not self._is_alone():
            return
        for name in template_comments(self._connection):
            try:
                self._drop(name)
            except DatabaseError as error:
                self._warn_of(name, error)
