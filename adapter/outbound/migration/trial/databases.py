"""Databases at revisions of a project, with rows in every table, on which revisions are tried.

A database that was upgraded to some revision is saved as a template. Its key covers everything that the database
depends on: the files of the revisions and of env.py, the project's settings, the number of rows, and the version of the
server. A new revision on a known history therefore starts at once.
"""

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import replace

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.results import ListedRevision
from adapter.outbound.migration.project.version_table import marked_version_tables
from adapter.outbound.migration.sandbox.session_settings import SessionSettings
from adapter.outbound.migration.trial.bare_database import BareDatabase
from adapter.outbound.migration.trial.database import CannotBuildError, Database, DatabaseMaker
from adapter.outbound.migration.trial.filled_database import FilledDatabase
from adapter.outbound.migration.trial.jobs import Jobs
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.migration.trial.project_history import ProjectHistory
from adapter.outbound.migration.trial.row_maker import LOOK_BACK, RowMaker
from adapter.outbound.migration.trial.set_up import execute_file
from adapter.outbound.migration.trial.template_keys import filled_as, key_of
from adapter.outbound.migration.trial.templates import Templates
from application.migration.ports.sandbox import Sandbox
from domain.migration.history import History

# The rows of a database are kept for this many revisions, a flight, and made anew at its end, a landing. Where a flight
# ends depends on the history only, so that a revision gets the same verdict alone and in any range.
_FLIGHT = 6


class RevisionDatabases:
    """The databases at the revisions of a project.

    Attributes:
        project: The project.
        sandbox: The sandbox that has the databases.
        agent: Runs the revisions, in the project's own Python.
        maker: Creates the databases.
        rows: Fills them.
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
        self.maker = DatabaseMaker(sandbox, Jobs(project, sandbox, agent, stop))
        self.rows = RowMaker(project.rows)
        self._templates = Templates(self.maker)
        self._history = ProjectHistory(self.maker, self._templates)
        self._bare = BareDatabase(self.maker, self._history, project.setup)
        self._filled = FilledDatabase(self.rows)

    def try_each_column(self) -> None:
        """Let the statements of old code be found with an UPDATE for each column where rows are made."""
        self._filled = FilledDatabase(self.rows, each_column=True)

    def history(self) -> History:
        """Return the history of the project.

        Raises:
            DatabaseConfigurationError: The revisions cannot be read; the message names the file and the line.
        """
        return self._history.read()

    def with_rows(self, rows: int) -> "RevisionDatabases":
        """Return a maker of databases for the same project with another number of rows in each table."""
        self.history()
        databases = copy(self)
        databases.project, databases.rows = replace(self.project, rows=rows), RowMaker(rows)
        databases._filled = FilledDatabase(databases.rows)  # noqa: SLF001 - a copy of this object
        return databases

    def listed(self, revision: str) -> ListedRevision:
        """Return a revision as the agent listed it from its script."""
        return self._history.listed(revision)

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
        applied, broken = self._history.ancestors(parents), self.maker.jobs.broken
        for revision in applied & broken.keys():
            raise CannotBuildError(broken[revision])
        key = self._key(applied, filled_as(texts_as, at_once=at_once))
        if not self._templates.has(key):
            goes_on = not (texts_as or at_once or self.project.rows_from or self.is_landing(parents))
            database = (
                self._from_landing(parents)
                if goes_on
                else self._with_new_rows(parents, applied, texts_as, at_once=at_once)
            )
            database.save_copy(key)
        else:
            database = self._templates.copy(key)
        database.applied = applied
        if self.project.rows:
            database.columns = self.rows.columns(database)
        return database

    def is_landing(self, parents: Iterable[str]) -> bool:
        """Return whether rows are made anew behind some revisions, instead of kept from the revision before.

        Rows from the user's file fit only the schema for which they were loaded, so they are kept through all
        revisions that follow.
        """
        revisions = tuple(parents)
        if self.project.rows_from is not None and len(revisions) == 1:
            return False
        return len(revisions) != 1 or len(self._history.ancestors(revisions)) % _FLIGHT == 0

    def _from_landing(self, parents: Iterable[str]) -> Database:
        """Create a database at the last landing and upgrade it revision by revision, as the analysis of a range does.

        Raises:
            CannotBuildError: One of the revisions fails even without rows.
        """
        flight = [tuple(parents)]
        while not self.is_landing(flight[0]):
            flight.insert(0, self._history.parents(flight[0][0]))
        start = next((index for index in range(len(flight) - 1, 0, -1) if self._has_template(flight[index])), 0)
        database = self.at(flight[start])
        for (revision,) in flight[start + 1 :]:
            database = self._upgraded(database, revision)
        return database

    def _has_template(self, parents: Iterable[str]) -> bool:
        return self._templates.has(self._key(self._history.ancestors(parents), filled_as()))

    def _upgraded(self, database: Database, revision: str) -> Database:
        """Upgrade a database to the next revision and fill up its tables.

        When the revision fails on these rows, or does not end, a new database at the revision is created instead, with
        rows made there.
        """
        if revision in self.maker.jobs.endless:
            with database:
                return self.at([revision], at_once=True)
        try:
            with database.being_built():
                database.run_or_fail("upgrade", revision)
        except CannotBuildError:
            return self.at([revision], at_once=True)
        database.applied |= {revision}
        self.rows.fill(database)
        return database

    def keep(self, database: Database, revision: str) -> None:
        """Save a database at a revision as a template, or drop it; it cannot be used afterwards."""
        with database:
            if not self.is_landing([revision]):
                self.rows.fill(database)
                database.save_as_template(self._key(database.applied, filled_as()))

    def settings(self, database: str) -> SessionSettings:
        """Return the settings of the project's sessions, without those that the server of a database refuses."""
        return self.maker.jobs.settings(database)

    @property
    def refused_settings(self) -> Mapping[str, str]:
        """Settings of the target that the sandbox refuses, by name."""
        return self.maker.jobs.refused_settings

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
        self.rows.fill(database, texts_as)
        return database

    def _earlier_points(self, parents: Iterable[str]) -> list[tuple[str, ...]]:
        """Return the points up to `LOOK_BACK` revisions earlier, the earliest first, as far as the history is a line.

        Each point is a tuple of revisions, as `parents` are.
        """
        points = [tuple(parents)]
        while len(points) <= LOOK_BACK and len(points[0]) == 1:
            points.insert(0, self._history.parents(points[0][0]))
        return [revisions for revisions in points[:-1] if revisions]

    def _with_older_rows(self, earlier: tuple[str, ...], parents: Iterable[str], applied: frozenset[str]) -> Database:
        """Create a database whose rows were made some revisions earlier, so that newer columns are empty.

        Args:
            earlier: The revisions at which the rows are made.
            parents: The revisions to which the database is then upgraded.
            applied: These revisions and all their ancestors.

        Raises:
            CannotBuildError: One of the revisions fails, possibly on these rows, or did not end on rows.
        """
        already_applied = self._history.ancestors(earlier)
        if self.maker.jobs.endless & (applied - already_applied):
            raise CannotBuildError("a revision did not end on generated rows")
        database = self._filled.copy_at(self.bare(earlier), earlier)
        database.applied = applied
        with database.being_built():
            for revision in parents:
                database.run_or_fail("upgrade", revision)
        self.rows.fill(database)
        return database

    def _key(self, applied: Iterable[str], state: str) -> str:
        scripts = [self._history.listed(revision).path for revision in applied]
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
        """Return the database without generated rows, upgraded to some revisions; the caller copies it.

        Raises:
            CannotBuildError: One of the revisions fails on it.
        """
        return self._bare.upgraded_to(parents)
