"""The use case of the tests that the pytest plugin adds to a project: each returns what is wrong as data."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum

from application.migration.ports.project_databases import ProjectDatabases
from application.migration.verify import VerificationReport, VerifyRevisions
from domain.migration.snapshot import SchemaDifference, compare
from domain.migration.verification.proof import Proof


class Repeated(Enum):
    """An upgrade of a database that was at the heads before."""

    AFTER_DOWNGRADE = "after a downgrade to the base"
    TWICE = "a second time"


@dataclass(frozen=True)
class SeveralHeads:
    """The history has more than one head.

    Attributes:
        heads: The heads.
    """

    heads: tuple[str, ...]


@dataclass(frozen=True)
class NoModels:
    """The project gives no models to compare with."""


@dataclass(frozen=True)
class ModelsFail:
    """The models cannot be compared.

    Attributes:
        error: Message of the error.
    """

    error: str


@dataclass(frozen=True)
class ModelsDiffer:
    """The revisions do not make what the models describe.

    Attributes:
        difference: What the revisions make differently.
    """

    difference: SchemaDifference


@dataclass(frozen=True)
class UpgradeFails:
    """A repeated upgrade fails.

    Attributes:
        repeated: How it was repeated.
        error: Message of the error.
    """

    repeated: Repeated
    error: str


@dataclass(frozen=True)
class SchemaDiffers:
    """A repeated upgrade leads to another schema.

    Attributes:
        repeated: How it was repeated.
        difference: The difference to the schema after the first upgrade.
    """

    repeated: Repeated
    difference: SchemaDifference


@dataclass(frozen=True)
class NotUndone:
    """Revisions cannot be undone as they declare.

    Attributes:
        report: The proofs of all revisions of the range.
    """

    report: VerificationReport


Failure = SeveralHeads | NoModels | ModelsFail | ModelsDiffer | UpgradeFails | SchemaDiffers | NotUndone


@dataclass(frozen=True)
class ReadyTests:
    """The tests for any project; each returns None when it passes.

    Attributes:
        databases: Databases at revisions of the project.
        open_verification: Opens the use case that proves revisions.
    """

    databases: ProjectDatabases
    open_verification: Callable[[], AbstractContextManager[VerifyRevisions]]

    def single_head(self) -> Failure | None:
        """Test that the history has one head."""
        heads = self.databases.history().heads
        return SeveralHeads(heads) if len(heads) > 1 else None

    def models_match(self) -> Failure | None:
        """Test that the result of the revisions equals that of the models, in the catalog."""
        models = self.databases.compare_models()
        if models.error:
            return ModelsFail(models.error)
        if models.difference is None:
            return NoModels()
        return ModelsDiffer(models.difference) if models.difference else None

    def no_drift(self) -> Failure | None:
        """Test that the schema is the same after all downgrades and upgrades; a downgrade that fails passes."""
        with self.databases.create() as database:
            before = database.snapshot()
            if database.downgrade("base"):
                return None
            if error := database.upgrade("heads"):
                return UpgradeFails(Repeated.AFTER_DOWNGRADE, error)
            difference = compare(before, database.snapshot(), ignore={"position"})
        return SchemaDiffers(Repeated.AFTER_DOWNGRADE, difference) if difference else None

    def idempotent(self) -> Failure | None:
        """Test that a second upgrade changes nothing."""
        with self.databases.create() as database:
            before = database.snapshot()
            if error := database.upgrade("heads"):
                return UpgradeFails(Repeated.TWICE, error)
            difference = compare(before, database.snapshot())
        return SchemaDiffers(Repeated.TWICE, difference) if difference else None

    def round_trip(self, wanted: str) -> Failure | None:
        """Test that each revision of a range can be undone, or declares its losses.

        Args:
            wanted: Range as for `domain.migration.history.History.select`.
        """
        with self.open_verification() as verify:
            report = verify(wanted, [Proof.ROUND_TRIP])
        return NotUndone(report) if report.failed else None
