"""A database of the sandbox, on which revisions of a project are tried."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

import psycopg

from adapter.outbound.migration.catalog.digester import KnownRows, digest_again
from adapter.outbound.migration.catalog.foreign_tables import restrict
from adapter.outbound.migration.catalog.inspector import KnownObjects, snapshot_again
from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.project.results import AgentResult
from adapter.outbound.migration.project.version_table import version_tables
from adapter.outbound.migration.traffic.application_statements import ApplicationStatements, OldCode
from adapter.outbound.migration.trial.jobs import Jobs
from adapter.outbound.postgres import direct
from application.migration.ports.project_databases import ProjectDatabase
from application.migration.ports.sandbox import Sandbox
from domain.migration.digest import DataDigest
from domain.migration.snapshot import SchemaSnapshot

Session = psycopg.Connection[Any]

# Overrides what a revision has set on the database.
_OWN_SETTINGS = "SET default_transaction_read_only = off; SET statement_timeout = 0; SET lock_timeout = 0"


class CannotBuildError(Exception):
    """An error that says why a database at some revisions, or with some rows, cannot be created."""


@dataclass(eq=False)
class Database(ProjectDatabase):
    """A database of the sandbox at some revisions of a project.

    As a context manager it is dropped behind the block. After an error that ends the command the server may be gone:
    then the sandbox drops the database when it closes.

    Attributes:
        url: Its URL.
        maker: Has the sandbox, and runs the project's jobs.
        applied: The revisions that were applied to it.
        unfilled: The reason, by table, for each table that got fewer rows than requested.
        columns: The columns that it had when it was filled last, as `schema.table.column`; None before the first time.
        young: How many fillings ago each of the columns that are newer than the rows appeared, from 1.
        known_rows: The rows when they were digested last, or those of the database that it is a copy of.
        known_objects: The catalog when it was read last, or that of the database that it is a copy of.
        old_code: The statements that ran on it, or on the one that it is a copy of; None before the first time.
    """

    url: str
    maker: "DatabaseMaker" = field(repr=False)
    applied: frozenset[str] = frozenset()
    unfilled: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] | None = None
    young: Mapping[str, int] = field(default_factory=dict)
    known_rows: KnownRows = field(default_factory=KnownRows, repr=False)
    known_objects: KnownObjects = field(default_factory=dict, repr=False)
    old_code: OldCode | None = field(default=None, repr=False)
    _session: Session | None = field(default=None, init=False, repr=False)

    def session(self) -> Session:
        """Return the session in which the database is inspected; it stays open because a new one has cold caches."""
        self.maker.sandbox.show(self.url)
        if self._session is not None:
            with suppress(psycopg.OperationalError):  # a revision has terminated the session
                self._session.execute("SELECT 1")
                return self._session
            self._session.close()
        # a schema change of a revision would invalidate the driver's prepared statements
        self._session = direct.connect(self.url, autocommit=True, prepare_threshold=None)
        self._session.execute(_OWN_SETTINGS)
        restrict(self._session)
        return self._session

    def connect(self) -> Session:
        """Open another session, in autocommit mode, for statements whose settings must not stay in `session`."""
        self.maker.sandbox.show(self.url)
        return direct.connect(self.url, autocommit=True)

    def snapshot(self) -> SchemaSnapshot:
        """Return the catalog, without the version tables."""
        session = self.session()
        schema, self.known_objects = snapshot_again(session, self.known_objects, exclude_tables=version_tables(session))
        return schema

    def digest(self, counts: RowCounts = NOT_COUNTED) -> DataDigest:
        """Return a digest of the rows, without the version tables.

        Args:
            counts: The rows that its tables have now.
        """
        session = self.session()
        excluded = version_tables(session)
        rows, self.known_rows = digest_again(session, self.known_rows, exclude_tables=excluded, counts=counts)
        return rows

    def find_old_code(self, *, each_column: bool, counts: RowCounts) -> OldCode:
        """Return the statements that run on it; those of its copies are run again only where they reach a change.

        Args:
            each_column: As for `ApplicationStatements`.
            counts: The rows that its tables have now.
        """
        with ApplicationStatements(
            self.url,
            each_column=each_column,
            known=self.old_code,
            watching=self.session(),
            counts=counts,
            prepared=False,
        ) as application:
            self.old_code = application.known
        return application.known

    def run(self, command: str, revision: str = "head", **options: Any) -> AgentResult:
        """Run a job of the agent on the database; see `Jobs.run`."""
        return self.maker.jobs.run(self.url, command, revision, **options)

    def upgrade(self, revision: str) -> str:
        """Upgrade to a revision, and return the message of the error; empty without one."""
        return self._run_for_message("upgrade", revision)

    def downgrade(self, revision: str) -> str:
        """Downgrade to a revision, and return the message of the error; empty without one."""
        return self._run_for_message("downgrade", revision)

    def _run_for_message(self, command: str, revision: str) -> str:
        error = self.run(command, revision).error
        return error.message if error is not None else ""

    def run_or_fail(self, command: str, revision: str) -> None:
        """Run a job of the agent on the database.

        Raises:
            CannotBuildError: The job fails.
        """
        error = self.run(command, revision).error
        if error is not None:
            raise CannotBuildError(described(error))

    def copy(self, *revisions: str) -> "Database":
        """Return a copy; the given revisions are recorded as applied to it, and the caller runs them."""
        self.close_session()
        copy = replace(self, url=self.maker.sandbox.copy(self.url), applied=self.applied | {*revisions})
        return self.maker.opened(copy)

    def save_as_template(self, key: str) -> None:
        """Make the database a template, so that it cannot be used any more, if all that belongs to it can be saved."""
        self.close_session()
        if self.maker.sandbox.save_template(self.url, key, self._note()):
            self.maker.open.discard(self)

    def save_copy(self, key: str) -> None:
        """Save a copy of the database as a template, if all that belongs to it can be saved."""
        self.close_session()
        self.maker.sandbox.save_copy(self.url, key, self._note())

    def _note(self) -> str:
        return json.dumps({"unfilled": dict(self.unfilled), "young": dict(self.young)})

    def close_session(self) -> None:
        """Close the session in which the database is inspected."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def drop(self) -> None:
        """Drop the database, unless it is dropped or a template already."""
        if self in self.maker.open:
            self.maker.open.discard(self)
            self.close_session()
            self.maker.sandbox.drop(self.url)

    @contextmanager
    def tried(self) -> Iterator[Callable[[], "Database"]]:
        """Yield a function that keeps the database beyond the block, and returns it; otherwise it is dropped there."""
        is_kept = False

        def keep() -> "Database":
            nonlocal is_kept
            is_kept = True
            return self

        try:
            yield keep
        except CannotBuildError:
            self.drop()
            raise
        if not is_kept:
            self.drop()

    @contextmanager
    def being_built(self) -> Iterator[Self]:
        """Drop the database when the block raises `CannotBuildError`; otherwise it outlives the block."""
        try:
            yield self
        except CannotBuildError:
            self.drop()
            raise

    def __enter__(self) -> Self:
        """Return the database itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Drop the database, unless an error ends the command."""
        if kind is None or issubclass(kind, CannotBuildError):
            self.drop()


class DatabaseMaker:
    """Creates the databases of a sandbox, on which the jobs of a project run.

    Attributes:
        sandbox: The sandbox.
        jobs: Runs the jobs.
        open: The databases that were not dropped yet.
    """

    def __init__(self, sandbox: Sandbox, jobs: Jobs) -> None:
        """Create a maker.

        Args:
            sandbox: The sandbox that gets the databases.
            jobs: Runs the jobs of the project.
        """
        self.sandbox = sandbox
        self.jobs = jobs
        self.open: set[Database] = set()

    def create(self, template: str | None = None) -> Database:
        """Create a database.

        Args:
            template: Key of the template to copy; None for an empty database.
        """
        return self.opened(Database(self.sandbox.create(template), self))

    def opened(self, database: Database) -> Database:
        """Return a database that is new, and remember it until it ends."""
        self.open.add(database)
        return database

    def close(self) -> None:
        """Close the sessions in which databases are inspected; the sandbox drops the databases when it closes."""
        for database in self.open:
            database.close_session()
