"""The ports of the migration use cases."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.compatibility import Compatibility
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot
from domain.migration.status import Drift, TargetState
from domain.migration.trace import CalibrationRun, RevisionTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import Again, Repetition
from domain.migration.verification.round_trip import Declaration


class Sandbox(Protocol):
    """A Postgres server for experiments. Its databases exist as long as the sandbox is open.

    A template is a database that outlives the sandbox, so that its contents are made only once. Its key identifies the
    contents: templates with the same key are equal.
    """

    @property
    @abstractmethod
    def server_version(self) -> int:
        """Version of the server as libpq numbers it: 180006 is 18.6."""

    @abstractmethod
    def create(self, template: str | None = None) -> str:
        """Create a database and return its URL.

        Args:
            template: Key of the template to copy; None for an empty database.
        """

    @abstractmethod
    def copy(self, database: str) -> str:
        """Create a copy of a database of this sandbox and return its URL. The sessions of the original are ended."""

    @abstractmethod
    def drop(self, database: str) -> None:
        """Drop a database of this sandbox, by its URL or its name, even if sessions are connected."""

    @abstractmethod
    def show(self, database: str) -> None:
        """Switch the roles of the server to those that revisions created in a database.

        The roles of the databases that it was copied from are included. The switch is necessary before work on a
        database if another database was used in between.
        """

    @abstractmethod
    def has_template(self, key: str) -> bool:
        """Return whether a template with this key exists."""

    @abstractmethod
    def save_template(self, database: str, key: str, note: str = "") -> bool:
        """Make a database of this sandbox a template, so that it no longer belongs to the sandbox.

        If another process has saved a template with this key meanwhile, that one is kept and this one is dropped.

        Args:
            database: URL of the database.
            key: Key of the template.
            note: Text that `template_note` returns.

        Returns:
            False if the database stays in the sandbox, because not all that belongs to it can be saved.
        """

    @abstractmethod
    def newest_template(self) -> str | None:
        """Return the key of the template that was saved or copied last; None if there is none."""

    @abstractmethod
    def template_note(self, key: str) -> str:
        """Return the note with which a template was saved; empty if there is none."""

    @abstractmethod
    def close(self) -> None:
        """Drop all databases of this sandbox. Templates stay."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Return the sandbox itself."""

    @abstractmethod
    def __exit__(self, *exception: object) -> None:
        """Close the sandbox."""


@dataclass(frozen=True)
class Versions:
    """The versions in a sandbox.

    Attributes:
        postgres: Version of the server, such as `18.6`.
        pgvector: Version of pgvector in the traced databases; None if it was not created.
    """

    postgres: str
    pgvector: str | None


@dataclass(frozen=True)
class Conditions:
    """The conditions of a proof, beside the revision's file.

    Attributes:
        postgres: Major version of the server.
        rows: Number of rows in each table.
        seed: Seed of the made-up rows.
        statements: Hash of the recorded statements that are tried; empty if there are none.
    """

    postgres: int
    rows: int
    seed: int
    statements: str = ""


class Trial(Protocol):
    """One experiment with one revision, which has run up and down on a database with rows in every table.

    The databases before and after the upgrade are kept until the trial ends, for further experiments.

    Attributes:
        trace: What was seen.
    """

    trace: RevisionTrace

    @abstractmethod
    def calibrate(self, tables: Collection[str]) -> tuple[CalibrationRun, ...]:
        """Repeat the upgrade on tables of doubling size.

        Args:
            tables: Tables that grow.

        Returns:
            The traced run, and one run for each doubling; empty if a run executed other statements.
        """

    @abstractmethod
    def unmade_edges(self) -> Mapping[str, str]:
        """Return the values at the edges of types that no row has in the tables that the revision touches."""

    @abstractmethod
    def upgrade_again(self) -> Again:
        """Return the comparison of a second upgrade, after the downgrade, with the first.

        The upgrade and the downgrade also run on a database that already has the rows that the upgrade inserts.
        """

    @abstractmethod
    def repeat(self) -> Repetition:
        """Run the upgrade twice. Kill it at each statement, run it again, and compare the results."""

    @abstractmethod
    def new_code(self) -> Compatibility:
        """Run statements of the new code on the old schema."""


class Trials(Protocol):
    """The history of a project, with a sandbox to try its revisions in."""

    @abstractmethod
    def history(self) -> History:
        """Return the revisions of the project.

        Raises:
            MigrationError: They cannot be read.
        """

    @abstractmethod
    def begin(self, entry: HistoryEntry, *, goes_on: bool = True) -> AbstractContextManager[Trial]:
        """Run a revision up and down, and return the trial, which ends behind the block.

        Args:
            entry: The revision.
            goes_on: Whether other revisions may follow; otherwise the state after this one is not kept.
        """

    @abstractmethod
    def climb(self, entries: Sequence[HistoryEntry]) -> Mapping[str, RevisionTrace]:
        """Run all revisions up, down and up again, and only compare the states.

        Returns:
            A trace with the schemas of each revision whose downgrade restored everything, by its id. The other
            revisions must be tried one by one.
        """

    @abstractmethod
    def shared_transaction(self) -> SharedTransaction | None:
        """Return how the project runs all pending revisions in one transaction; None if each has its own."""

    @abstractmethod
    def fails_together(self, entries: Sequence[HistoryEntry]) -> JointFailure | None:
        """Run revisions in one transaction, and return the first failure; None if all succeed.

        Args:
            entries: Revisions in order, each of which succeeds in a transaction of its own.
        """

    @abstractmethod
    def versions(self) -> Versions:
        """Return the versions in the sandbox."""

    @abstractmethod
    def conditions(self) -> Conditions:
        """Return the conditions of the trials."""


class RevisionFiles(Protocol):
    """The files of a project's revisions."""

    @abstractmethod
    def sha256(self, entry: HistoryEntry) -> str:
        """Return the SHA-256 of a revision's file, in hexadecimal."""

    @abstractmethod
    def declaration(self, entry: HistoryEntry) -> Declaration:
        """Return what a revision declares about its own downgrade.

        Raises:
            CertificateError: The declaration cannot be read.
        """


class CertificateStore(Protocol):
    """A store of certificates."""

    @abstractmethod
    def read(self) -> tuple[Certificate, ...]:
        """Return all certificates; empty if none were stored yet.

        Raises:
            CertificateError: The stored certificates cannot be read.
        """

    @abstractmethod
    def write(self, certificates: Iterable[Certificate]) -> None:
        """Keep these in place of what was kept."""


class Target(Protocol):
    """A database that is in use; it is only read."""

    @abstractmethod
    def state(self, version_tables: Collection[str]) -> TargetState:
        """Return what it says of itself.

        Args:
            version_tables: Where the project writes its versions, as `schema.table`, or as `table` for the one that the
                search path finds.
        """

    @abstractmethod
    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return its catalog without those tables."""


class MigratedProject(Protocol):
    """A project beside which a database is put."""

    @abstractmethod
    def history(self) -> History:
        """Return its revisions.

        Raises:
            MigrationError: They cannot be read.
        """

    @abstractmethod
    def version_tables(self) -> tuple[str, ...]:
        """Return where it writes its versions, as `Target.state` takes it."""

    @abstractmethod
    def needs_pgvector(self) -> bool:
        """Return whether a model is known to have a column of pgvector's types."""

    @abstractmethod
    def drift(self, target: Target, state: TargetState) -> Drift:
        """Return what differs between the project and a database that is at its heads.

        Args:
            target: The database.
            state: What it says of itself.
        """


class ProjectDatabase(Protocol):
    """A database at revisions of a project; as a context manager it is dropped behind the block.

    Attributes:
        url: Its URL.
    """

    url: str

    @abstractmethod
    def snapshot(self) -> SchemaSnapshot:
        """Return its catalog, without the tables in which versions are written."""

    @abstractmethod
    def upgrade(self, revision: str) -> str:
        """Upgrade to a revision, and return the message of the error; empty without one."""

    @abstractmethod
    def downgrade(self, revision: str) -> str:
        """Downgrade to a revision, and return the message of the error; empty without one."""

    @abstractmethod
    def drop(self) -> None:
        """Drop the database."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Return the database itself."""

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Drop the database."""


@dataclass(frozen=True)
class ModelComparison:
    """The comparison of a project's models with its revisions.

    Attributes:
        difference: What the revisions make differently; None without models, or when they cannot be compared.
        error: Why they cannot be compared; empty when they can, or without models.
    """

    difference: SchemaDifference | None
    error: str = ""


class ProjectDatabases(Protocol):
    """Databases at revisions of a project, for tests."""

    @abstractmethod
    def history(self) -> History:
        """Return the revisions of the project.

        Raises:
            MigrationError: They cannot be read.
        """

    @abstractmethod
    def create(self, revision: str = "heads", rows: int = 0) -> ProjectDatabase:
        """Create a database at a revision.

        Args:
            revision: The name of a revision in Alembic's syntax.
            rows: The number of rows that fill each table.

        Raises:
            MigrationError: The revision is unknown, or cannot be reached.
        """

    @abstractmethod
    def compare_models(self) -> ModelComparison:
        """Return the comparison of the models with a database at the heads."""
