"""Drops invalid indexes that an earlier attempt of a deployment has left."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from adapter.outbound.postgres.explain import server_message
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.ports.leftover_indexes import LeftoverIndexes
from domain.migration.deployment.leftovers import Leftover
from domain.migration.errors import MigrationError

# The names stand in the catalog apart, so that they can be quoted; an index that is being built is nobody's leftover.
_FOUND = """
SELECT n.nspname, c.relname
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE i.indexrelid = pg_catalog.to_regclass(%s) AND i.indrelid = pg_catalog.to_regclass(%s) AND NOT i.indisvalid
   AND c.relkind = 'i'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
"""
_LOCK_TIMEOUT = "1h"  # nobody waits for DROP INDEX CONCURRENTLY while it waits


@dataclass(frozen=True)
class DatabaseLeftovers(LeftoverIndexes):
    """Drops them on a connection of its own.

    Attributes:
        url: The database.
    """

    url: DatabaseURL

    def drop(self, leftover: Leftover) -> bool:
        """Drop an index if it is still invalid, and on the table that the revision builds it on; return whether it did.

        Raises:
            MigrationError: The database refuses that.
        """
        try:
            with psycopg.connect(
                self.url.libpq, autocommit=True, client_encoding="utf8", application_name="hexalembic leftovers"
            ) as connection:
                row = connection.execute(_FOUND.encode(), (leftover.index, leftover.table)).fetchone()
                if row is None:
                    return False
                connection.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
                connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(*row)))
                return True
        except psycopg.Error as error:
            raise MigrationError(
                f"{leftover.index}, which an earlier attempt of {leftover.revision} has left, cannot be dropped:"
                f" {server_message(error)}",
                f"DROP INDEX CONCURRENTLY {leftover.index};",
            ) from error
