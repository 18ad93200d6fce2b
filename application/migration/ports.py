"""What the use cases of migrations need from outside."""

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.compatibility import Compatibility
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.status import TargetState
from domain.migration.trace import CalibrationRun, RevisionTrace
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.proof import Again, Repetition
from domain.migration.verification.round_trip import Declaration


class Sandbox(Protocol):
    """A Postgres server where anything may be tried: databases that live as long as the sandbox is open.

    A template is a database that outlives the sandbox, so that what it holds is made only once. Its key says what went
    into it: the same key, the same contents.
    """

    @property
    @abstractmethod
    def server_version(self) -> int:
        """The server's version as libpq numbers it: 180006 is 18.6."""

    @abstractmethod
    def create(self, template: str | None = None) -> str:
        """Create a database and give its URL.

        Args:
            template: Key of the template to copy; without one the database is empty.
        """

    @abstractmethod
    def copy(self, database: str) -> str:
        """Copy a database of this sandbox, whose sessions are ended for it, and give the copy's URL."""

    @abstractmethod
    def drop(self, database: str) -> None:
        """Drop a database of this sandbox, named by its URL or its name, whoever is connected to it."""

    @abstractmethod
    def show(self, database: str) -> None:
        """Let the server's roles be those that revisions made in a database, or in what it was copied from.

        Wanted before anything is done with a database, when another one was worked on meanwhile.
        """

    @abstractmethod
    def has_template(self, key: str) -> bool:
        """Return whether there is a template with this key."""

    @abstractmethod
    def save_template(self, database: str, key: str, note: str = "") -> bool:
        """Make a database of this sandbox a template; it is no database of the sandbox any more.

        When somebody else saved that template meanwhile, theirs stays and this one is dropped.

        Args:
            database: The database.
            key: Its key.
            note: What should be known of it; `template_note` gives it back.

        Returns:
            False when it stays what it is, because not all that belongs to it can be kept.
        """

    @abstractmethod
    def newest_template(self) -> str | None:
        """Return the key of the template that was saved or copied last; None without one."""

    @abstractmethod
    def template_note(self, key: str) -> str:
        """Return what was noted when the template with this key was saved; empty without one."""

    @abstractmethod
    def close(self) -> None:
        """Drop all databases of this sandbox; templates stay."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Return the sandbox itself."""

    @abstractmethod
    def __exit__(self, *exception: object) -> None:
        """Close it."""


@dataclass(frozen=True)
class Versions:
    """What a sandbox runs on.

    Attributes:
        postgres: Version of the server, such as `18.6`.
        pgvector: Version of the extension in the traced databases; None where it was not created.
    """

    postgres: str
    pgvector: str | None


class RevisionTracer(Protocol):
    """A project's history, and a place to run it in."""

    @abstractmethod
    def history(self) -> History:
        """Read the revisions.

        Raises:
            MigrationError: They cannot be read.
        """

    def shared_transaction(self) -> SharedTransaction | None:
        """Return how the project runs all pending revisions in one transaction; None where each has its own."""
        return None

    def fails_together(self, entries: Sequence[HistoryEntry]) -> JointFailure | None:
        """Run revisions in one transaction, each of which runs alone; return the first that fails there and not alone.

        Args:
            entries: The revisions in order, of a project that runs them so.
        """
        del entries
        return None

    @abstractmethod
    def trace(self, entry: HistoryEntry, *, goes_on: bool = True) -> RevisionTrace:
        """Run one revision up and down on a database at its parents with rows in every table.

        Args:
            entry: The revision.
            goes_on: Whether others may follow it; when none do, its state need not be kept.
        """

    @abstractmethod
    def calibrate(self, trace: RevisionTrace, tables: Collection[str]) -> tuple[CalibrationRun, ...]:
        """Run the upgrade that was traced last again, on more and more rows.

        Args:
            trace: What the last call of `trace` gave.
            tables: The tables that grow.

        Returns:
            The traced run, and one for each doubling; empty when the statements were not the same again.
        """

    @abstractmethod
    def versions(self) -> Versions:
        """Return what it ran on."""


@dataclass(frozen=True)
class Conditions:
    """What a proof depends on, beside the revision's file.

    Attributes:
        postgres: Major version of the server.
        rows: Rows that each table gets.
        seed: From which they are made.
        statements: Which recorded statements are tried: a hash of them, empty where there are none.
    """

    postgres: int
    rows: int
    seed: int
    statements: str = ""


class RevisionProver(RevisionTracer, Protocol):
    """A tracer that goes on where a trace ends: each method is about the revision that was traced last."""

    @abstractmethod
    def conditions(self) -> Conditions:
        """Return what the proofs depend on."""

    @abstractmethod
    def sha256(self, entry: HistoryEntry) -> str:
        """Return the SHA-256 of a revision's file, in hexadecimal."""

    @abstractmethod
    def declaration(self, entry: HistoryEntry) -> Declaration:
        """Read what a revision says of its own downgrade.

        Raises:
            CertificateError: It cannot be read.
        """

    @abstractmethod
    def climb(self, entries: Sequence[HistoryEntry]) -> Mapping[str, RevisionTrace]:
        """Run revisions up, down and up again in one go, and only compare.

        Returns:
            The catalogs around each revision that gave everything back, by its id. Of the others only `trace` tells
            what happened.
        """

    @abstractmethod
    def upgrade_again(self, trace: RevisionTrace) -> Again:
        """Undo the revision, upgrade again, and compare; upgrade and undo where the rows that it inserts are there."""

    @abstractmethod
    def repeat(self, trace: RevisionTrace) -> Repetition:
        """Upgrade twice; kill the upgrade at each statement, run it again, and compare."""

    @abstractmethod
    def new_code(self, trace: RevisionTrace) -> Compatibility:
        """Run statements of the code after on the schema before."""


class CertificateStore(Protocol):
    """Where certificates are kept."""

    @abstractmethod
    def read(self) -> tuple[Certificate, ...]:
        """Return all of them; none where nothing was kept yet.

        Raises:
            CertificateError: What is kept cannot be read.
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
            version_tables: Where the project writes its versions, as `schema.table`.
        """

    @abstractmethod
    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return its catalog without those tables."""


class MigratedProject(Protocol):
    """A project whose revisions and models can be run in a sandbox."""

    @abstractmethod
    def history(self) -> History:
        """Return its revisions.

        Raises:
            MigrationError: They cannot be read.
        """

    @abstractmethod
    def version_tables(self) -> tuple[str, ...]:
        """Return where it writes its versions, as `schema.table`."""

    @abstractmethod
    def major(self) -> int:
        """Return the major version of the sandbox."""

    @abstractmethod
    def schema_at_heads(self) -> SchemaSnapshot:
        """Return the catalog that its revisions make, without the tables in which versions are written.

        Raises:
            MigrationError: A revision fails.
        """

    @abstractmethod
    def model_drift(self) -> tuple[str, ...]:
        """Return what its models have otherwise than its revisions make it, a sentence each; nothing without models.

        Raises:
            MigrationError: The models cannot be made.
        """
