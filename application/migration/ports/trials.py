"""Trials of revisions in a sandbox."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from domain.migration.analysis.shared_transaction import JointFailure, SharedTransaction
from domain.migration.compatibility import Compatibility
from domain.migration.history import History, HistoryEntry
from domain.migration.trace import CalibrationRun, RevisionTrace
from domain.migration.verification.proof import Again, Repetition


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
        settings: Hash of the target's settings that sessions have; empty if no target was named.
        usual: Whether these settings are Postgres' own defaults, so that what holds without a target holds there.
    """

    postgres: int
    rows: int
    seed: int
    statements: str = ""
    settings: str = ""
    usual: bool = True


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
