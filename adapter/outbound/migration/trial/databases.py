"""Databases at revisions of a project, with rows in every table, on which revisions are tried.

A database that was upgraded to some revision is saved as a template. Its key covers everything that the database
depends on: the files of the revisions and of env.py, the project's settings, the number of rows, and the version of the
server. A new revision on a known history therefore starts at once.
"""

import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.project.results import ListedRevision
from adapter.outbound.migration.project.version_table import marked_version_tables
from adapter.outbound.migration.rows import Statement, fill, fill_matching, unmade_edges
from adapter.outbound.migration.sandbox.session_settings import SessionSettings
from adapter.outbound.migration.trial.database import CannotBuildError, Database, DatabaseMaker
from adapter.outbound.migration.trial.jobs import Jobs
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.migration.trial.set_up import execute_file, set_up
from adapter.outbound.migration.trial.template_keys import filled_as, key_of
from adapter.outbound.postgres.errors import DatabaseError
from application.migration.ports import Sandbox
from domain.migration.errors import MigrationError
from domain.migration.history import History, HistoryEntry
from domain.migration.trace import StatementTrace

_LOOK_BACK = 3  # revisions: a column is usually added, backfilled and made NOT NULL within so many
# The rows of a database are kept for this many revisions, a flight, and made anew at its end, a landing. Where a flight
# ends depends on the history only, so that a revision gets the same verdict alone and in any range.
_FLIGHT = 6
_COLUMNS = """
SELECT n.nspname || '.' || c.relname || '.' || a.attname
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND a.attnum > 0 AND NOT a.attisdropped
"""


class RevisionDatabases:
    """The databases at the revisions of a project.

    Attributes:
        project: The project.
        sandbox: The sandbox that has the databases.
        agent: Runs the revisions, in the project's own Python.
        maker: Creates the databases.
    """

    def __init__(
        self,
        project: Project,
        sandbox: Sandbox,
        agent: Agent,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        """Create a maker of databases.

        Args:
            project: The project.
            sandbox: The sandbox that gets the databases.
            agent: Runs the revisions, in the project's own Python.
            stop: When this is set, no further job starts.
        """
        self.project = project
        self.sandbox = sandbox
        self.agent = agent
        self._jobs = Jobs(project, sandbox, agent, stop)
        self.maker = DatabaseMaker(sandbox, self._jobs)
        self._listed: dict[str, ListedRevision] = {}
        self._history: History | None = None
        self._entries: dict[str, HistoryEntry] = {}
        self._empty: Database | None = None
        self._spare_copy: tuple[str, Database] | None = None  # key of a template, and an unused copy of it

    def history(self) -> History:
        """Return the history of the project.

        Raises:
            MigrationError: The revisions cannot be read; the message names the file and the line.
        """
        if self._history is None:
            # this database is not dropped before the sandbox closes: env.py may still run while others are created
            database, self._spare_copy = self.maker.create(), self._copy_in_advance()
            result = database.run("revisions")
            for error in (*result.problems, *([result.error] if result.error else [])):
                raise MigrationError(described(error), "mend the history; alembic history shows the same")
            self._listed = {listed.revision: listed for listed in result.revisions}
            entries = tuple(listed.entry for listed in result.revisions)
            self._entries = {entry.revision: entry for entry in entries}
            self._history = History(entries)
        return self._history

    def _copy_in_advance(self) -> tuple[str, Database] | None:
        """Copy the newest template, which is usually needed next, while the agent imports its libraries.

        Returns:
            The key of the template and the copy; None without a template.
        """
        template = self.sandbox.newest_template()
        with suppress(DatabaseError):  # a parallel job has dropped the template meanwhile
            return (template, self.maker.create(template)) if template else None
        return None

    def with_rows(self, rows: int) -> "RevisionDatabases":
        """Return a maker of databases for the same project with another number of rows in each table."""
        self.history()
        databases = copy(self)
        databases.project = replace(self.project, rows=rows)
        databases._empty = databases._spare_copy = None  # noqa: SLF001 - of the same class
        return databases

    def listed(self, revision: str) -> ListedRevision:
        """Return a revision as the agent listed it from its script."""
        return self._listed[revision]

    def at(self, parents: Iterable[str], texts_as: str = "", *, at_once: bool = False) -> Database:
        """Create a database where some revisions and all their ancestors are applied, with rows in every table.

        Args:
            parents: The revisions.
            texts_as: A type that generated texts must be valid input of, such as `json`; empty for any text.
            at_once: Make the rows at these revisions, and not some revisions earlier. This is faster, and new columns
                have values.

        Raises:
            CannotBuildError: One of the revisions fails even without rows.
            MigrationError: The project's own set-up or rows cannot be loaded.
        """
        applied = self.history().ancestors(parents)
        for revision in applied & self._jobs.broken.keys():
            raise CannotBuildError(self._jobs.broken[revision])
        key = self._key(applied, filled_as(texts_as, at_once=at_once))
        if not self.sandbox.has_template(key):
            goes_on = not (texts_as or at_once or self.project.rows_from or self.is_landing(parents))
            database = (
                self._from_landing(parents)
                if goes_on
                else self._with_new_rows(parents, applied, texts_as, at_once=at_once)
            )
            if not database.save_as_template(key):
                return database
        return self._from_template(key, applied)

    def is_landing(self, parents: Iterable[str]) -> bool:
        """Return whether rows are made anew behind some revisions, instead of kept from the revision before.

        Rows from the user's file fit only the schema for which they were loaded, so they are kept through all
        revisions that follow.
        """
        revisions = tuple(parents)
        if self.project.rows_from is not None and len(revisions) == 1:
            return False
        return len(revisions) != 1 or len(self.history().ancestors(revisions)) % _FLIGHT == 0

    def _from_template(self, key: str, applied: frozenset[str]) -> Database:
        note = json.loads(self.sandbox.template_note(key) or "{}")
        spare, self._spare_copy = self._spare_copy, None
        database = spare[1] if spare and spare[0] == key else self.maker.create(key)
        database.applied = applied
        database.unfilled, database.young = note.get("unfilled", {}), note.get("young", {})
        if self.project.rows:
            database.columns = self._columns(database)
        return database

    def _from_landing(self, parents: Iterable[str]) -> Database:
        """Create a database at the last landing and upgrade it revision by revision, as the analysis of a range does.

        Raises:
            CannotBuildError: One of the revisions fails even without rows.
        """
        flight = [tuple(parents)]
        while not self.is_landing(flight[0]):
            flight.insert(0, self._entries[flight[0][0]].parents)
        start = next((index for index in range(len(flight) - 1, 0, -1) if self._has_template(flight[index])), 0)
        database = self.at(flight[start])
        for (revision,) in flight[start + 1 :]:
            database = self._upgraded(database, revision)
        return database

    def _has_template(self, parents: Iterable[str]) -> bool:
        return self.sandbox.has_template(self._key(self.history().ancestors(parents), filled_as()))

    def _upgraded(self, database: Database, revision: str) -> Database:
        """Upgrade a database to the next revision and fill up its tables.

        When the revision fails on these rows, a new database at the revision is created instead, with rows made there.
        """
        try:
            with database.being_built():
                database.run_or_fail("upgrade", revision)
        except CannotBuildError:
            return self.at([revision], at_once=True)
        database.applied |= {revision}
        self.fill(database)
        return database

    def fill(self, database: Database, texts_as: str = "") -> None:
        """Fill up the tables of a database that is new, or was upgraded since it was filled.

        Columns that one of the last `_LOOK_BACK` revisions added stay empty, as they do in production. Older columns
        get values. When the last revision added a column with a default, a few rows get other values, as the
        application would write them.

        Args:
            database: The database.
            texts_as: As in `at`.
        """
        if not self.project.rows:
            return
        columns, young, settled = self._columns(database), dict[str, int](), frozenset[str]()
        if database.columns is not None:
            ages = {
                column: database.young.get(column, 0) + 1
                for column in columns
                if column in database.young or column not in database.columns
            }
            young = {column: age for column, age in ages.items() if age <= _LOOK_BACK}
            settled = columns - young.keys()
        fresh = [column for column, age in young.items() if age == 1]
        session, rows = database.session(), self.project.rows
        filling = fill(session, rows, texts_as=texts_as, settled=settled, young=young, fresh=fresh)
        database.unfilled = {problem.table: problem.reason for problem in filling.problems}
        database.columns, database.young = columns, young

    def _columns(self, database: Database) -> frozenset[str]:
        return frozenset(str(name) for (name,) in database.session().execute(_COLUMNS).fetchall())

    def grown(self, database: Database, rows: int, tables: Collection[str]) -> Database:
        """Return a copy of a database that has a given number of rows in some tables."""
        larger = database.copy()
        fill(larger.session(), rows, tables, edges=False)
        return larger

    def matching(
        self, database: Database, statements: Sequence[StatementTrace], *, edges: bool = True
    ) -> Database | None:
        """Return a copy of a database with a few more rows that statements look for; None when none can be made.

        Args:
            database: The database.
            statements: The statements.
            edges: Whether some of the rows have values at the edges of their types.
        """
        searches = [Statement(statement.sql, json.loads(statement.sought)) for statement in statements]
        return self._with_matches(database, searches, edges=edges)

    def with_compared(
        self, database: Database, statements: Sequence[StatementTrace], *, edges: bool = True
    ) -> Database | None:
        """Return a copy of a database with rows that have values which UPDATEs compare with and no row has.

        Args:
            database: The database.
            statements: The UPDATEs.
            edges: Whether some of the rows have values at the edges of their types.

        Returns:
            None when there are such rows already, or none can be made.
        """
        searches = [
            Statement(statement.sql, json.loads(plan), each_value=True)
            for statement in statements
            for plan in statement.compared
        ]
        return self._with_matches(database, searches, edges=edges)

    def _with_matches(self, database: Database, searches: Sequence[Statement], *, edges: bool) -> Database | None:
        matching = database.copy()
        if fill_matching(matching.session(), searches, self.project.rows, database.young, edges=edges):
            return matching
        matching.drop()
        return None

    def unmade_edges(self, database: Database, tables: Collection[str]) -> Mapping[str, str]:
        """Return the values at the edges of types that no row of some tables has; see `rows.unmade_edges`."""
        return unmade_edges(database.session(), tables, self.project.rows) if self.project.rows else {}

    def keep(self, database: Database, revision: str) -> None:
        """Save a database at a revision as a template, or drop it; it cannot be used afterwards."""
        with database:
            if not self.is_landing([revision]):
                self.fill(database)
                database.save_as_template(self._key(database.applied, filled_as()))

    def settings(self, database: str) -> SessionSettings:
        """Return the settings of the project's sessions, without those that the server of a database refuses."""
        return self._jobs.settings(database)

    @property
    def refused_settings(self) -> Mapping[str, str]:
        """Settings of the target that the sandbox refuses, by name."""
        return self._jobs.refused_settings

    def _with_new_rows(
        self, parents: Iterable[str], applied: frozenset[str], texts_as: str, *, at_once: bool
    ) -> Database:
        if self.project.rows and self.project.rows_from is None and not (texts_as or at_once):
            for earlier in self._earlier_points(parents):
                with suppress(CannotBuildError):
                    return self._with_older_rows(earlier, parents, applied)
        database = self.bare(parents).copy()
        if self.project.rows_from is not None and applied:
            # in a session of its own, because such files contain SET commands
            with database.connect() as connection:
                execute_file(connection, self.project.rows_from, "--rows-from")
        self.fill(database, texts_as)
        return database

    def _earlier_points(self, parents: Iterable[str]) -> list[tuple[str, ...]]:
        """Return the points up to `_LOOK_BACK` revisions earlier, the earliest first, as far as the history is a line.

        Each point is a tuple of revisions, as `parents` are.
        """
        points = [tuple(parents)]
        while len(points) <= _LOOK_BACK and len(points[0]) == 1:
            points.insert(0, self._entries[points[0][0]].parents)
        return [revisions for revisions in points[:-1] if revisions]

    def _with_older_rows(self, earlier: tuple[str, ...], parents: Iterable[str], applied: frozenset[str]) -> Database:
        """Create a database whose rows were made some revisions earlier, so that newer columns are empty.

        Args:
            earlier: The revisions at which the rows are made.
            parents: The revisions to which the database is then upgraded.
            applied: These revisions and all their ancestors.

        Raises:
            CannotBuildError: One of the revisions fails, possibly on these rows.
        """
        already_applied = self.history().ancestors(earlier)
        database = self.bare(earlier).copy(*(applied - already_applied))
        self.fill(database)
        with database.being_built():
            for revision in parents:
                database.run_or_fail("upgrade", revision)
        self.fill(database)
        return database

    def _key(self, applied: Iterable[str], state: str) -> str:
        scripts = [self._listed[revision].path for revision in applied]
        return key_of(self.project, self.sandbox.server_version, scripts, state)

    def version_tables(self) -> tuple[str, ...]:
        """Return where the project writes its versions, as `schema.table`; it says so itself, by its MigrationContext.

        Raises:
            MigrationError: Its own set-up or its env.py fails.
        """
        with self.bare(()).connect() as connection:
            return marked_version_tables(connection)

    def close(self) -> None:
        """Close the sessions in which databases were inspected."""
        self.maker.close()

    def bare(self, parents: Iterable[str]) -> Database:
        """Return the database without generated rows, upgraded to some revisions.

        There is only one such database. It is upgraded further at each call, so callers copy it before they use it.

        Raises:
            CannotBuildError: One of the revisions fails on it.
        """
        applied = self.history().ancestors(parents)
        for revision in applied & self._jobs.broken.keys():
            raise CannotBuildError(self._jobs.broken[revision])
        if self._empty is not None and not self._empty.applied <= applied:
            self._empty.drop()
            self._empty = None
        empty = self._empty or set_up(self)
        self._empty = None  # a failure below leaves no database to reuse
        for revision in parents:
            if revision in empty.applied:
                continue
            result = empty.run("upgrade", revision)
            if result.error is not None:
                broken = result.runs[-1].revision if result.runs else revision
                reason = f"not run: revision {broken} before it fails on an empty database: {described(result.error)}"
                self._jobs.broken[broken] = reason
                empty.drop()
                raise CannotBuildError(reason)
        empty.applied = applied
        self._empty = empty
        return self._empty
