"""The database with generated rows, which moves along the history as the bare one does.

Making the rows of hundreds of tables takes many seconds. So the rows of a table are kept where the server says that
nothing has changed on which they depend; only those of other tables are made anew (see `stale_tables`). A database that
has moved is equal to a new one. Where that is not certain, it is made from nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import psycopg

from adapter.outbound.migration.catalog.written_rows import count_all_rows
from adapter.outbound.migration.traffic.versions import Versions, read_versions
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.row_maker import RowMaker
from adapter.outbound.migration.trial.stale_rows import (
    KeyDigests,
    UnclearError,
    descendants,
    empty_tables,
    is_plain,
    read_keys,
    stale_tables,
    tables_of_other_keys,
)
from adapter.outbound.postgres.explain import costs_more
from domain.migration import snapshot as schema

_FEW = 20  # tables: to fill so many takes no longer than to find out what has changed


@dataclass(frozen=True)
class _Made:
    """What is known of a database and its rows at the moment when they were made.

    Attributes:
        database: The database.
        bare: The versions of what was in the database without generated rows.
        filled: The versions of what was in the database itself.
        keys: The keys that foreign keys of other tables refer to.
    """

    database: Database
    bare: Versions
    filled: Versions
    keys: KeyDigests


class FilledDatabase:
    """The database with generated rows. There is only one, because it can be upgraded further and copied."""

    def __init__(self, rows: RowMaker, *, each_column: bool = False) -> None:
        """Prepare to create the database.

        Args:
            rows: Makes the rows.
            each_column: As for `ApplicationStatements`, which try the database's copies.
        """
        self._rows = rows
        self._each_column = each_column
        self._made: _Made | None = None

    def copy_at(self, bare: Database, parents: Iterable[str]) -> Database:
        """Return a copy of the bare database that has rows in every table.

        Args:
            bare: The database without generated rows; it stays as it is.
            parents: The revisions that it was upgraded to.
        """
        made, self._made = self._made, None  # a failure below leaves no database to reuse
        moved = None if made is None else self._moved(made, bare, parents)
        if made is not None and moved is not None:
            return self._kept(made.database, *moved)
        database = bare.copy()
        filling = self._rows.fill_anew(database)
        if filling.grown or len(filling.tables) <= _FEW or not _is_superuser(database):
            return database
        versions = read_versions(bare.session())
        if not is_plain(database.session(), versions):
            return database
        return self._kept(database, versions, read_keys(database.session()))

    def _kept(self, database: Database, bare: Versions, keys: KeyDigests) -> Database:
        """Keep a database, and return a copy of it, of which only that is read again which changes."""
        counts = count_all_rows(database.session())
        database.digest(counts)
        with database.copy() as other:  # what statements wrote stays in the files, although it is rolled back
            database.old_code = other.find_old_code(each_column=self._each_column, counts=counts)
        self._made = _Made(database, bare, database.old_code.versions, keys)
        return database.copy()

    def _moved(self, made: _Made, bare: Database, parents: Iterable[str]) -> tuple[Versions, KeyDigests] | None:
        """Upgrade the database, and give it the rows that a new one has; drop it where these are not certain.

        Returns:
            What is in the bare database, and the keys of the rows; None for a database that was dropped.
        """
        database, new_revisions = made.database, bare.applied - made.database.applied
        with database.tried() as keep:
            if not (database.applied < bare.applied) or new_revisions & database.maker.jobs.endless:
                return None
            try:
                for revision in parents:
                    database.run_or_fail("upgrade", revision)
                database.applied = bare.applied
                moved = self._with_rows_anew(made, bare)
            except (UnclearError, CannotBuildError):
                return None
            except psycopg.Error as error:
                if costs_more(error):
                    raise
                return None
            keep()
            return moved

    def _with_rows_anew(self, made: _Made, bare: Database) -> tuple[Versions, KeyDigests]:
        database = made.database
        if schema.compare(bare.snapshot(), database.snapshot()):
            raise UnclearError("another schema")
        now_bare = read_versions(bare.session(), made.bare)
        now_filled = read_versions(database.session(), made.filled)
        tables = {item.name for item in now_filled.relations.values() if item.kind == "r"}
        stale = stale_tables(database.session(), (made.bare, now_bare), (made.filled, now_filled))
        keys = self._fill_anew(database, bare, tables, stale)
        others = tables_of_other_keys(database.session(), tables - stale, made.keys, keys)
        if others:
            stale |= others
            keys = self._fill_anew(database, bare, tables, stale)
            if tables_of_other_keys(database.session(), tables - stale, made.keys, keys):
                raise UnclearError("keys of several tables")
        return now_bare, keys

    def _fill_anew(
        self, database: Database, bare: Database, tables: Collection[str], stale: Collection[str]
    ) -> KeyDigests:
        """Make the rows of some tables anew, and return the keys that foreign keys refer to.

        Args:
            database: The database with generated rows.
            bare: The database without them.
            tables: All tables.
            stale: Those whose rows are made anew.

        Raises:
            UnclearError: It is not certain that the other rows are what they would be if they were made now.
        """
        if 2 * len(stale) > len(tables):
            raise UnclearError("most tables")
        if any(table in dependent for table, dependent in descendants(database.session(), stale).items()):
            raise UnclearError("foreign keys in a circle")
        empty_tables(database.session(), bare.session(), stale)
        reasons = {table: reason for table, reason in database.unfilled.items() if table not in stale}
        filling = self._rows.fill_anew(database, {*tables} - {*stale})
        if filling.grown or not filling.tables.keys() <= {*stale}:
            raise UnclearError("a table that cannot be filled by itself")
        database.unfilled = {**reasons, **database.unfilled}
        return read_keys(database.session())


def _is_superuser(database: Database) -> bool:
    return database.session().execute("SHOW is_superuser").fetchone() == ("on",)
