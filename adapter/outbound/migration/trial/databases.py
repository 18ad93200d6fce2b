"""Databases at revisions of a project, with rows in every table: what a revision is tried on.

A database that has been brought somewhere is kept as a template, keyed by what went into it (the revisions' files, the
environment's, the project's own data, the number of rows, the server's version), so that a new revision on a known
history starts at once.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.digester import digest
from adapter.outbound.migration.catalog.foreign_tables import restrict
from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.environment_errors import (
    described,
    has_environment_failed,
    raise_if_disk_full,
    raise_if_environment_failed,
    raise_if_session_ended,
)
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult, ListedRevision
from adapter.outbound.migration.project.version_table import mark_version_tables, version_tables
from adapter.outbound.migration.rows import ROWS_SEED, Statement, fill, fill_matching, unmade_edges
from adapter.outbound.migration.sandbox.sandbox import template_key
from adapter.outbound.migration.sandbox.session_settings import PLAIN, SessionSettings, accepted
from adapter.outbound.migration.trial.database import CannotBuildError, RevisionDatabase
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.postgres.errors import DatabaseError
from application.migration.lanes import StoppedError
from application.migration.ports import Sandbox
from domain.migration.digest import DataDigest
from domain.migration.errors import MigrationError
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot, compare
from domain.migration.trace import StatementTrace

_STEPS = {"upgrade", "downgrade", "undo", "stairs"}
_STATEMENTS = 3  # times the time of one statement that a revision has
_SHORTEST = 20  # seconds that it has at least
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


_NAMES = """
SELECT quote_ident(n.nspname), quote_ident(c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""


# Statements that empty the columns of JSON and bytes; NULL where that is allowed. A table whose bytes must be there has
# no rows: which bytes mean something, only the application knows.
_DOCUMENTS = """
SELECT CASE WHEN a.attnotnull AND a.atttypid = 'bytea'::pg_catalog.regtype
    THEN format('DELETE FROM %I.%I', n.nspname, c.relname)
    ELSE format('UPDATE %I.%I SET %I = %s', n.nspname, c.relname, a.attname,
        CASE WHEN a.attnotnull THEN quote_literal('{}') ELSE 'NULL' END) END
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    AND a.atttypid IN ('json'::pg_catalog.regtype, 'jsonb'::pg_catalog.regtype, 'bytea'::pg_catalog.regtype)
ORDER BY c.oid, a.attnum
"""


class RevisionDatabases:
    """Makes databases at revisions of a project.

    Attributes:
        project: Whose revisions.
        sandbox: Where they run.
        agent: Runs them, in the project's own Python.
    """

    def __init__(
        self,
        project: Project,
        sandbox: Sandbox,
        agent: Agent,
        *,
        stop: threading.Event | None = None,
    ) -> None:
        """Remember.

        Args:
            project: Whose revisions.
            sandbox: Where they run.
            agent: Runs them, in the project's own Python.
            stop: No job is begun when this is set.
        """
        self.project = project
        self.sandbox = sandbox
        self.agent = agent
        self._stop = stop
        self._listed: dict[str, ListedRevision] = {}
        self._history: History | None = None
        self._entries: dict[str, HistoryEntry] = {}
        self._empty: RevisionDatabase | None = None
        self._broken: dict[str, str] = {}
        self._sessions: dict[str, psycopg.Connection[tuple[object, ...]]] = {}
        self._settings: SessionSettings | None = None
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
            entries = tuple(_entry(listed) for listed in result.revisions)
            self._entries = {entry.revision: entry for entry in entries}
            self._history = History(entries)
        return self._history

    def settings(self, database: str) -> SessionSettings:
        """Return what the project's sessions have set, as far as the server of a database takes it."""
        if self._settings is None:
            self._settings = accepted(database, {**PLAIN, **self.project.settings})
        return self._settings

    @property
    def refused_settings(self) -> Mapping[str, str]:
        """Settings of the target that the sandbox does not take."""
        return self._settings.refused if self._settings is not None else {}

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
        for revision in applied & self._broken.keys():
            raise CannotBuildError(self._broken[revision])
        key = self._key(applied, _filled(texts_as, at_once=at_once))
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
        return self.sandbox.has_template(self._key(self.history().ancestors(parents), _filled()))

    def _next(self, database: RevisionDatabase, revision: str) -> RevisionDatabase:
        """Bring a database to the next revision, and fill it up; one that fails on such rows is passed over."""
        try:
            self._run_or_drop(database, "upgrade", revision)
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
            self.filled(database), self._key(database.applied, _filled())
        ):
            self.drop(database)

    def _saved(self, database: RevisionDatabase, key: str) -> bool:
        self._leave(database.url)
        note = json.dumps({"unfilled": dict(database.unfilled), "young": dict(database.young)})
        return self.sandbox.save_template(database.url, key, note)

    def run(
        self,
        database: str,
        command: str,
        revision: str = "head",
        *,
        stepped: Callable[[str, str], bool] = lambda *_: True,
        **options: Any,
    ) -> AgentResult:
        """Run a job of the agent on a database.

        Args:
            database: Its URL.
            command: As in `AgentJob`.
            revision: As in `AgentJob`.
            stepped: As in `Agent.run`.
            options: More of its attributes, such as `kill_after`.

        Raises:
            StoppedError: It is not wanted any more.
        """
        if self._stop is not None and self._stop.is_set():
            raise StoppedError
        seconds = self.project.statement_timeout
        job = AgentJob(
            config=self.project.config,
            name=self.project.name,
            connection=Connection.parse(database),
            command=command,
            revision=revision,
            environment=self.project.environment,
            x_arguments=self.project.x_arguments,
            statement_timeout_ms=seconds * 1000,
            **{"trace": False, "settings": self.settings(database).taken, **options},
        )
        self.sandbox.show(database)
        # Nothing runs for ever: a revision has the time of some statements, what sets a project up that of a dozen.
        limit = max(_SHORTEST, seconds * (_STATEMENTS if command in _STEPS else 12)) * max(1, len(job.steps))
        result = self.agent.run(job, limit, stepped)
        if has_environment_failed(job, result) and self.agent.renew():
            # it may be one that can run once in a process only
            result = self.agent.run(job, limit, stepped)
        raise_if_environment_failed(job, result)
        raise_if_disk_full(result)
        raise_if_session_ended(job, result)
        self._note_endless(result)
        return result

    def _note_endless(self, result: AgentResult) -> None:
        """Remember a revision whose upgrade did not end in its time: it is not tried again below others."""
        if result.error is not None and result.error.kind == "timeout" and result.runs:
            run = result.runs[-1]
            if run.direction == "upgrade":
                reason = f"revision {run.revision} before it does not end: {described(result.error)}"
                self._broken.setdefault(run.revision, f"not run: {reason}")

    def _with_rows(
        self, parents: Iterable[str], applied: frozenset[str], texts_as: str, *, at_once: bool
    ) -> RevisionDatabase:
        if self.project.rows and self.project.rows_from is None and not (texts_as or at_once):
            for earlier in self._earlier(parents):
                with suppress(CannotBuildError):
                    return self._with_older_rows(earlier, parents, applied)
        database = self.copy(self._without_rows(parents, applied))
        if self.project.rows_from is not None and applied:
            self.sandbox.show(database.url)
            # in a session of its own: such files set what holds for all that follows
            with psycopg.connect(database.url, autocommit=True) as connection:
                _execute_file(connection, self.project.rows_from, "--rows-from")
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
        database = self.copy(self._without_rows(earlier, older), *(applied - older))
        database = self.filled(database)
        for revision in parents:
            self._run_or_drop(database, "upgrade", revision)
        return self.filled(database)

    def _run_or_drop(self, database: RevisionDatabase, command: str, revision: str) -> None:
        """Run a job on a database, and drop that where it fails.

        Raises:
            CannotBuildError: It fails.
        """
        error = self.run(database.url, command, revision).error
        if error is not None:
            self.drop(database)
            raise CannotBuildError(described(error))

    def fitting(self, entry: HistoryEntry) -> RevisionDatabase:
        """Make a database at a revision's parents, with rows that satisfy what the revision asks of them.

        They are made where the revision has run without rows, and it is undone.

        Raises:
            CannotBuildError: It fails without rows, too, or cannot be undone wholly.
        """
        applied = self.history().ancestors(entry.parents)
        database = self.copy(self._without_rows(entry.parents, applied))
        before = self.snapshot(database)
        for command in ("upgrade", "undo"):
            self._run_or_drop(database, command, entry.revision)
            if command == "undo" and not _is_as_before(before, self.snapshot(database)):
                self.drop(database)
                raise CannotBuildError("the downgrade leaves another schema")
            database = self.filled(database)
        return database

    def without_documents(self, entry: HistoryEntry) -> RevisionDatabase:
        """Make a database at a revision's parents, with nothing in its columns of JSON and bytes.

        Raises:
            CannotBuildError: It has none, or cannot be made.
        """
        database = self.at(entry.parents)
        session = self.session(database)
        found = session.execute(_DOCUMENTS).fetchall()
        if not found:
            self.drop(database)
            raise CannotBuildError("it has neither JSON nor bytes")
        for (change,) in found:
            with suppress(psycopg.Error):  # a constraint wants something there
                session.execute(str(change).encode())
        return database

    def without_rows(self, entry: HistoryEntry) -> RevisionDatabase:
        """Make a database at a revision's parents, with the rows of its revisions only.

        Raises:
            CannotBuildError: It cannot be made.
        """
        database = self.copy(self._without_rows(entry.parents, self.history().ancestors(entry.parents)))
        tables = {f"{schema}.{name}" for schema, name in self.session(database).execute(_NAMES).fetchall()}
        return replace(database, unfilled=dict.fromkeys(tables, "the revision fails on made-up rows"))

    def with_usual_rows(self, entry: HistoryEntry) -> RevisionDatabase:
        """Make a database at a revision's parents, with no values at the edges of their types.

        Raises:
            CannotBuildError: It cannot be made.
        """
        database = self.without_rows(entry)
        found = fill(self.session(database), self.project.rows, edges=False)
        return replace(database, unfilled={problem.table: problem.reason for problem in found.problems})

    def close(self) -> None:
        """End the sessions in which databases were looked at."""
        for url in list(self._sessions):
            self._leave(url)

    def _leave(self, url: str) -> None:
        """End the session in a database that is going to be copied, kept, or dropped."""
        session = self._sessions.pop(url, None)
        if session is not None:
            session.close()

    def _without_rows(self, parents: Iterable[str], applied: frozenset[str]) -> RevisionDatabase:
        """Return the one database without rows, brought as far as it must be."""
        for revision in applied & self._broken.keys():
            raise CannotBuildError(self._broken[revision])
        if self._empty is not None and not self._empty.applied <= applied:
            self.drop(self._empty)
            self._empty = None
        empty = self._empty or self._set_up()
        self._empty = None  # until all went well
        for revision in parents:
            if revision in empty.applied:
                continue
            result = self.run(empty.url, "upgrade", revision)
            if result.error is not None:
                failed = result.runs[-1].revision if result.runs else revision
                reason = f"not run: revision {failed} before it fails on an empty database: {described(result.error)}"
                self._broken[failed] = reason
                self.drop(empty)
                raise CannotBuildError(reason)
        self._empty = RevisionDatabase(empty.url, applied)
        return self._empty

    def _set_up(self) -> RevisionDatabase:
        """Make a database as it is before the first revision."""
        url, setup = self.sandbox.create(), self.project.setup
        self.sandbox.show(url)
        if isinstance(setup, Path):
            with psycopg.connect(url, autocommit=True) as connection:
                _execute_file(connection, setup, "--setup")
        elif setup is not None:
            result = self.run(url, "setup", setup)
            if result.error is not None:
                raise MigrationError(
                    f"--setup {setup} failed: {described(result.error)}",
                    "name a function of the project that takes nothing, an engine, or a connection",
                )
        # what env.py makes by itself, such as a schema for its versions, is no revision's
        result = self.run(url, "env")
        if result.error is not None:
            raise MigrationError(described(result.error), "mend env.py; alembic current shows the same")
        with psycopg.connect(url, autocommit=True) as connection:
            mark_version_tables(connection, result.version_tables)
        return RevisionDatabase(url, frozenset())

    def _key(self, revisions: Iterable[str], state: str) -> str:
        project = self.project
        files = [Path(self._listed[revision].path) for revision in revisions]
        files += [path for path in {file.parent.parent / "env.py" for file in files} if path.is_file()]
        files += [path for path in (project.config, project.rows_from, project.setup) if isinstance(path, Path)]
        given = (
            project.name,
            "env.py was run",
            sorted(project.environment.items()),
            project.x_arguments,
            str(project.setup),
            sorted({**PLAIN, **project.settings}.items()),
        )
        root = hashlib.sha256(str(project.config.parent.resolve()).encode()).hexdigest()
        return template_key(
            files, self.sandbox.server_version, f"{state}, env.py run, {project.rows} rows, {given}, {root}"
        )


def _filled(texts_as: str = "", *, at_once: bool = False) -> str:
    """Describe the rows of a template; the number is that of the way in which rows are made."""
    return f"filled {ROWS_SEED}, texts as {texts_as}, at once {at_once}"


def _is_as_before(before: SchemaSnapshot, after: SchemaSnapshot) -> bool:
    """Return whether a downgrade gave the schema back; that a constraint stays validated is what downgrades do."""
    difference = compare(before, after, ignore={"position"})
    return not (difference.missing or difference.unexpected) and all(
        change.key[0] == "constraint" and change.attribute in {"validated", "definition"}
        for change in difference.changed
    )


def read_snapshot(url: str) -> SchemaSnapshot:
    """Read the catalog of a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        restrict(connection)
        return snapshot(connection, exclude_tables=version_tables(connection))


def _execute_file(connection: psycopg.Connection[tuple[object, ...]], path: Path, option: str) -> None:
    try:
        connection.execute(path.read_bytes())
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error).partition("\n")[0]
        raise MigrationError(
            f"{option} {path.name} failed: {message}", "mend the file; psql -f runs it alone"
        ) from error


def _entry(listed: ListedRevision) -> HistoryEntry:
    return HistoryEntry(
        revision=listed.revision,
        down_revision=listed.down_revision,
        depends_on=listed.depends_on,
        path=listed.path,
        message=listed.message,
        labels=listed.branch_labels,
    )
