"""Databases at revisions of a project, with rows in every table: what a revision is tried on.

A database that has been brought somewhere is kept as a template, keyed by what went into it (the revisions' files, the
environment's, the project's own data, the number of rows, the server's version), so that a new revision on a known
history starts at once.
"""

import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace

import psycopg

from adapter.outbound.migration.catalog.digester import digest
from adapter.outbound.migration.catalog.foreign_tables import restrict
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.environment_errors import (
    described,
)
from adapter.outbound.migration.project.results import ListedRevision
from adapter.outbound.migration.project.version_table import marked_version_tables, version_tables
from adapter.outbound.migration.rows import Statement, fill, fill_matching, unmade_edges
from adapter.outbound.migration.sandbox.session_settings import SessionSettings
from adapter.outbound.migration.trial.database import CannotBuildError, RevisionDatabase
from adapter.outbound.migration.trial.jobs import Jobs
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.migration.trial.set_up import execute_file, set_up
from adapter.outbound.migration.trial.template_keys import filled_as, key_of
from adapter.outbound.postgres.errors import DatabaseError
from application.migration.ports import Sandbox
from domain.migration.digest import DataDigest
from domain.migration.errors import MigrationError
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.trace import StatementTrace

_LOOK_BACK = 3  # revisions: a column is added, filled and made NOT NULL in about so many
# Revisions through which rows go on. Where such a flight ends depends on the history only, and so do all rows: a
# revision is judged alike alone and in any range.
_FLIGHT = 6
_COLUMNS = """
SELECT n.nspname || '.' || c.relname || '.' || a.attname
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND a.attnum > 0 AND NOT a.attisdropped
"""


class RevisionDatabases:
    """Makes databases at revisions of a project.

    Attributes:
        project: Whose revisions.
        sandbox: Where they run.
        agent: Runs them, in the project's own Python.
        run: Runs a job of the agent on a database; see `Jobs.run`.
    """

    def __init__(
        self,
        project: Project,
        sandbox: Sandbox,
        agent: Agent,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        """Keep what it works on.

        Args:
            project: Whose revisions.
            sandbox: Where they run.
            agent: Runs them, in the project's own Python.
            stop: No job is begun when this is set.
        """
        self.project = project
        self.sandbox = sandbox
        self.agent = agent
        self._jobs = Jobs(project, sandbox, agent, stop)
        self.run = self._jobs.run
        self._listed: dict[str, ListedRevision] = {}
        self._history: History | None = None
        self._entries: dict[str, HistoryEntry] = {}
        self._empty: RevisionDatabase | None = None
        self._sessions: dict[str, psycopg.Connection[tuple[object, ...]]] = {}
        self._spare: tuple[str, str] | None = None  # a template's key, and a copy that nobody has used

    def history(self) -> History:
        """Read the revisions.

        Raises:
            MigrationError: They cannot be read; the message says which file and line.
        """
        if self._history is None:
            # it lives as long as the sandbox: env.py runs there while the next databases are made
            database, self._spare = self.sandbox.create(), self._copied_ahead()
            result = self.run(database, "revisions")
            for error in (*result.problems, *([result.error] if result.error else [])):
                raise MigrationError(described(error), "mend the history; alembic history shows the same")
            self._listed = {listed.revision: listed for listed in result.revisions}
            entries = tuple(listed.entry for listed in result.revisions)
            self._entries = {entry.revision: entry for entry in entries}
            self._history = History(entries)
        return self._history

    def _copied_ahead(self) -> tuple[str, str] | None:
        """Copy what will mostly be wanted next, while the agent imports its libraries; give the template, too."""
        template = self.sandbox.newest_template()
        with suppress(DatabaseError):  # somebody else has dropped it meanwhile
            return (template, self.sandbox.create(template)) if template else None
        return None

    def with_rows(self, rows: int) -> "RevisionDatabases":
        """Return the same with another number of rows."""
        self.history()
        other = copy(self)
        other.project = replace(self.project, rows=rows)
        other._empty = other._spare = None  # noqa: SLF001 - of the same class
        return other

    def listed(self, revision: str) -> ListedRevision:
        """Return a revision as its script says."""
        return self._listed[revision]

    def at(self, parents: Iterable[str], texts_as: str = "", *, at_once: bool = False) -> RevisionDatabase:
        """Make a database where some revisions and all before them are applied, with rows in every table.

        Args:
            parents: The revisions.
            texts_as: A type that made-up texts shall be readable as.
            at_once: Make the rows there, and not some revisions earlier: faster, and columns that are new have values.

        Raises:
            CannotBuildError: One of them fails even without rows.
            MigrationError: The project's own set-up or rows cannot be loaded.
        """
        applied = self.history().ancestors(parents)
        for revision in applied & self._jobs.broken.keys():
            raise CannotBuildError(self._jobs.broken[revision])
        key = self._key(applied, filled_as(texts_as, at_once=at_once))
        if not self.sandbox.has_template(key):
            goes_on = not (texts_as or at_once or self.project.rows_from or self.is_landing(parents))
            made = (
                self._from_landing(parents) if goes_on else self._with_rows(parents, applied, texts_as, at_once=at_once)
            )
            if not self._saved(made, key):
                return made
        return self._from_template(key, applied)

    def is_landing(self, parents: Iterable[str]) -> bool:
        """Return whether rows are made anew behind some revisions, and do not come from the revision before.

        Rows that a file gives fit where they are loaded: they go on through all that follows.
        """
        given = tuple(parents)
        if self.project.rows_from is not None and len(given) == 1:
            return False
        return len(given) != 1 or len(self.history().ancestors(given)) % _FLIGHT == 0

    def _from_template(self, key: str, applied: frozenset[str]) -> RevisionDatabase:
        note = json.loads(self.sandbox.template_note(key) or "{}")
        spare, self._spare = self._spare, None
        url = spare[1] if spare and spare[0] == key else self.sandbox.create(key)
        database = RevisionDatabase(url, applied, **note)
        return replace(database, columns=self._columns(database)) if self.project.rows else database

    def _from_landing(self, parents: Iterable[str]) -> RevisionDatabase:
        """Go on from the last landing, revision by revision, as the analysis of a range does.

        Raises:
            CannotBuildError: One of them fails even without rows.
        """
        flight = [tuple(parents)]
        while not self.is_landing(flight[0]):
            flight.insert(0, self._entries[flight[0][0]].parents)
        done = next((number for number in range(len(flight) - 1, 0, -1) if self._is_kept(flight[number])), 0)
        database = self.at(flight[done])
        for (revision,) in flight[done + 1 :]:
            database = self._next(database, revision)
        return database

    def _is_kept(self, parents: Iterable[str]) -> bool:
        return self.sandbox.has_template(self._key(self.history().ancestors(parents), filled_as()))

    def _next(self, database: RevisionDatabase, revision: str) -> RevisionDatabase:
        """Bring a database to the next revision, and fill it up; one that fails on such rows is passed over."""
        try:
            self.run_or_drop(database, "upgrade", revision)
        except CannotBuildError:
            return self.at([revision], at_once=True)
        return self.filled(replace(database, applied=database.applied | {revision}))

    def session(self, database: RevisionDatabase) -> psycopg.Connection[tuple[object, ...]]:
        """Return the session in which a database is looked at: a new one has to read the catalog's caches first."""
        self.sandbox.show(database.url)
        found = self._sessions.get(database.url)
        if found is not None:
            with suppress(psycopg.OperationalError):  # a revision has ended it
                found.execute("SELECT 1")
                return found
            found.close()
        # what a revision changes would invalidate statements that the driver prepares
        connection = psycopg.connect(database.url, autocommit=True, prepare_threshold=None)
        restrict(connection)
        self._sessions[database.url] = connection
        return connection

    def snapshot(self, database: RevisionDatabase) -> SchemaSnapshot:
        """Read the catalog of a database."""
        session = self.session(database)
        return snapshot(session, exclude_tables=version_tables(session))

    def digest(self, database: RevisionDatabase) -> DataDigest:
        """Digest the rows of a database."""
        session = self.session(database)
        return digest(session, exclude_tables=version_tables(session))

    def filled(self, database: RevisionDatabase, texts_as: str = "") -> RevisionDatabase:
        """Fill up the tables of a database that is new, or has seen another revision since it was filled.

        Columns that came with one of the last revisions stay empty, as they are in real life; older ones get values.
        Where the last one brought a column with a default, a few rows have others, as its application writes them.
        """
        if not self.project.rows:
            return database
        now, young, settled = self._columns(database), dict[str, int](), frozenset[str]()
        if database.columns is not None:
            ages = {
                column: database.young.get(column, 0) + 1
                for column in now
                if column in database.young or column not in database.columns
            }
            young = {column: age for column, age in ages.items() if age <= _LOOK_BACK}
            settled = now - young.keys()
        fresh = [column for column, age in young.items() if age == 1]
        session, rows = self.session(database), self.project.rows
        found = fill(session, rows, texts_as=texts_as, settled=settled, young=young, fresh=fresh)
        problems = {problem.table: problem.reason for problem in found.problems}
        return replace(database, unfilled=problems, columns=now, young=young)

    def _columns(self, database: RevisionDatabase) -> frozenset[str]:
        return frozenset(str(name) for (name,) in self.session(database).execute(_COLUMNS).fetchall())

    def grown(self, database: RevisionDatabase, rows: int, tables: Collection[str]) -> RevisionDatabase:
        """Copy a database, with more rows in some tables."""
        larger = self.copy(database)
        fill(self.session(larger), rows, tables, edges=False)
        return larger

    def matching(self, database: RevisionDatabase, statements: Sequence[StatementTrace]) -> RevisionDatabase | None:
        """Copy a database, with a few more rows that statements look for; None where none can be made."""
        copy = self.copy(database)
        wanted = [Statement(one.sql, json.loads(one.sought)) for one in statements]
        if fill_matching(self.session(copy), wanted, self.project.rows, database.young):
            return copy
        self.drop(copy)
        return None

    def unmade_edges(self, database: RevisionDatabase, tables: Collection[str]) -> Mapping[str, str]:
        """Find values at the edges of types that no row of some tables has; see `filler.unmade_edges`."""
        return unmade_edges(self.session(database), tables, self.project.rows) if self.project.rows else {}

    def copy(self, database: RevisionDatabase, *revisions: str) -> RevisionDatabase:
        """Copy a database, to which revisions will be applied."""
        self._leave(database.url)
        return replace(database, url=self.sandbox.copy(database.url), applied=database.applied | {*revisions})

    def drop(self, database: RevisionDatabase | None) -> None:
        """Drop a database."""
        if database is not None:
            self._leave(database.url)
            self.sandbox.drop(database.url)

    def keep(self, database: RevisionDatabase, revision: str) -> None:
        """Keep a database at a revision for the next time that somebody wants one; it is gone afterwards."""
        if self.is_landing([revision]) or not self._saved(
            self.filled(database), self._key(database.applied, filled_as())
        ):
            self.drop(database)

    def _saved(self, database: RevisionDatabase, key: str) -> bool:
        self._leave(database.url)
        note = json.dumps({"unfilled": dict(database.unfilled), "young": dict(database.young)})
        return self.sandbox.save_template(database.url, key, note)

    def settings(self, database: str) -> SessionSettings:
        """Return what the project's sessions have set, as far as the server of a database takes it."""
        return self._jobs.settings(database)

    @property
    def refused_settings(self) -> Mapping[str, str]:
        """Settings of the target that the sandbox does not take."""
        return self._jobs.refused_settings

    def _with_rows(
        self, parents: Iterable[str], applied: frozenset[str], texts_as: str, *, at_once: bool
    ) -> RevisionDatabase:
        if self.project.rows and self.project.rows_from is None and not (texts_as or at_once):
            for earlier in self._earlier(parents):
                with suppress(CannotBuildError):
                    return self._with_older_rows(earlier, parents, applied)
        database = self.copy(self.bare(parents))
        if self.project.rows_from is not None and applied:
            self.sandbox.show(database.url)
            # in a session of its own: such files set what holds for all that follows
            with psycopg.connect(database.url, autocommit=True) as connection:
                execute_file(connection, self.project.rows_from, "--rows-from")
        return self.filled(database, texts_as)

    def _earlier(self, parents: Iterable[str]) -> list[tuple[str, ...]]:
        """Return what was there some revisions earlier, the earliest first, as far as the history is a line."""
        found = [tuple(parents)]
        while len(found) <= _LOOK_BACK and len(found[0]) == 1:
            found.insert(0, self._entries[found[0][0]].parents)
        return [revisions for revisions in found[:-1] if revisions]

    def _with_older_rows(
        self, earlier: tuple[str, ...], parents: Iterable[str], applied: frozenset[str]
    ) -> RevisionDatabase:
        """Make rows some revisions earlier, so that what these added to a table is as empty as it is in real life.

        Raises:
            CannotBuildError: The revisions fail, maybe on such rows.
        """
        older = self.history().ancestors(earlier)
        database = self.copy(self.bare(earlier), *(applied - older))
        database = self.filled(database)
        for revision in parents:
            self.run_or_drop(database, "upgrade", revision)
        return self.filled(database)

    def run_or_drop(self, database: RevisionDatabase, command: str, revision: str) -> None:
        """Run a job on a database, and drop that where it fails.

        Raises:
            CannotBuildError: It fails.
        """
        error = self.run(database.url, command, revision).error
        if error is not None:
            self.drop(database)
            raise CannotBuildError(described(error))

    def _key(self, revisions: Iterable[str], state: str) -> str:
        scripts = [self._listed[revision].path for revision in revisions]
        return key_of(self.project, self.sandbox.server_version, scripts, state)

    def version_tables(self) -> tuple[str, ...]:
        """Return where the project writes its versions, as `schema.table`; it says so itself, by its MigrationContext.

        Raises:
            MigrationError: Its own set-up or its env.py fails.
        """
        with psycopg.connect(self.bare(()).url, autocommit=True) as connection:
            return marked_version_tables(connection)

    def close(self) -> None:
        """End the sessions in which databases were looked at."""
        for url in list(self._sessions):
            self._leave(url)

    def _leave(self, url: str) -> None:
        """End the session in a database that is going to be copied, kept, or dropped."""
        session = self._sessions.pop(url, None)
        if session is not None:
            session.close()

    def bare(self, parents: Iterable[str]) -> RevisionDatabase:
        """Return the one database without rows, brought as far as it must be; it is copied before it is used.

        Raises:
            CannotBuildError: One of the revisions fails on it.
        """
        applied = self.history().ancestors(parents)
        for revision in applied & self._jobs.broken.keys():
            raise CannotBuildError(self._jobs.broken[revision])
        if self._empty is not None and not self._empty.applied <= applied:
            self.drop(self._empty)
            self._empty = None
        empty = self._empty or set_up(self)
        self._empty = None  # until all went well
        for revision in parents:
            if revision in empty.applied:
                continue
            result = self.run(empty.url, "upgrade", revision)
            if result.error is not None:
                failed = result.runs[-1].revision if result.runs else revision
                reason = f"not run: revision {failed} before it fails on an empty database: {described(result.error)}"
                self._jobs.broken[failed] = reason
                self.drop(empty)
                raise CannotBuildError(reason)
        self._empty = RevisionDatabase(empty.url, applied)
        return self._empty
