"""The ready tests of a project, on databases that hold a state."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Self

import pytest

from adapter.inbound.testing.failures import render
from application.migration.ports.project_databases import ModelComparison, ProjectDatabase, ProjectDatabases
from application.migration.ready_tests import NotUndone, ReadyTests, Repeated, SchemaDiffers, UpgradeFails
from application.migration.verify import VerifyRevisions
from domain.migration.digest import DataChange, DataChangeKind, DataDifference
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot
from tests.unit.application.migration_fakes import FakeCertificates, FakeTrials
from tests.unit.domain.migration.traces import BASE, USERS, column, revision, step

EXTRA = ("table", "public.extra")


@dataclass
class FakeDatabase(ProjectDatabase):
    """A database with a catalog, which upgrades and downgrades change.

    Attributes:
        leftover: Whether a downgrade leaves a table behind.
        refuses: Whether the second upgrade fails.
        adds: Whether the second upgrade adds a table.
        revision: Where it is.
        rows: How many rows fill each table.
    """

    leftover: bool = False
    refuses: bool = False
    adds: bool = False
    url: str = "postgresql://fake"
    objects: SchemaSnapshot = field(default_factory=lambda: SchemaSnapshot(BASE))
    dropped: bool = False
    revision: str = ""
    rows: int = 0

    def snapshot(self) -> SchemaSnapshot:
        """Return the catalog."""
        return self.objects

    def upgrade(self, revision: str) -> str:
        """Make the tables that are missing."""
        if self.refuses:
            return "relation exists already"
        self.revision = revision
        extra = {EXTRA: {"kind": "table"}} if self.adds or EXTRA in self.objects.objects else {}
        self.objects = SchemaSnapshot({**BASE, **extra})
        return ""

    def downgrade(self, revision: str) -> str:
        """Remove the tables."""
        self.revision = revision
        self.objects = SchemaSnapshot({EXTRA: {"kind": "table"}} if self.leftover else {})
        return ""

    def drop(self) -> None:
        """End the database."""
        self.dropped = True

    def __enter__(self) -> Self:
        """Return the database itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the database."""
        self.drop()


@dataclass
class FakeDatabases(ProjectDatabases):
    """One database, and a history with the given heads."""

    database: FakeDatabase = field(default_factory=FakeDatabase)
    heads: tuple[str, ...] = ("r1",)
    models: ModelComparison = field(default_factory=lambda: ModelComparison(SchemaDifference()))

    def history(self) -> History:
        """Return revisions that are all heads."""
        return History(tuple(HistoryEntry(head, ()) for head in self.heads))

    def create(self, revision: str = "heads", rows: int = 0) -> FakeDatabase:
        """Return the database."""
        self.database.revision, self.database.rows = revision, rows
        return self.database

    def compare_models(self) -> ModelComparison:
        """Return the comparison that was given."""
        return self.models


def ready(databases: FakeDatabases, trials: FakeTrials | None = None) -> ReadyTests:
    """Return the ready tests of a project."""

    @contextmanager
    def open_verification() -> Iterator[VerifyRevisions]:
        proved = trials or FakeTrials({})
        yield VerifyRevisions(proved, proved, FakeCertificates())

    return ReadyTests(databases, open_verification)


def test_a_sound_project_passes() -> None:
    """Nothing fails, and the databases are dropped."""
    databases = FakeDatabases()
    tests = ready(databases, FakeTrials({"r1": revision(step("ALTER"), after={**BASE, **column(f"{USERS}.plan")})}))

    assert tests.single_head() is None
    assert tests.models_match() is None
    assert tests.no_drift() is None
    assert tests.idempotent() is None
    assert tests.round_trip("base:heads") is None
    assert (databases.database.revision, databases.database.rows) == ("heads", 0)
    assert databases.database.dropped


def test_two_heads_fail() -> None:
    """The failure names them, and the command that joins them."""
    failure = ready(FakeDatabases(heads=("r1", "r2"))).single_head()

    assert failure is not None
    assert render(failure) == "there are 2 heads: r1, r2\njoin them: alembic merge heads"


@pytest.mark.parametrize(
    ("models", "text"),
    [
        (ModelComparison(None), "env.py gives no models: target_metadata in context.configure()"),
        (ModelComparison(None, "no module"), "the models cannot be compared: no module"),
        (
            ModelComparison(SchemaDifference(unexpected=(("column", "public.users.age"),))),
            "column public.users.age is unexpected\nmake the revision: alembic revision --autogenerate -m …",
        ),
    ],
)
def test_models_that_do_not_match_fail(models: ModelComparison, text: str) -> None:
    """There are none, they cannot be made, or they differ: each is another failure."""
    failure = ready(FakeDatabases(models=models)).models_match()

    assert failure is not None
    assert render(failure) == text


def test_a_downgrade_that_leaves_a_table_fails() -> None:
    """The schema differs behind the next upgrade."""
    failure = ready(FakeDatabases(FakeDatabase(leftover=True))).no_drift()

    assert failure == SchemaDiffers(Repeated.AFTER_DOWNGRADE, SchemaDifference(unexpected=(EXTRA,)))


@pytest.mark.parametrize(
    ("database", "text"),
    [
        (FakeDatabase(adds=True), "the second upgrade changes the schema: table public.extra is unexpected"),
        (FakeDatabase(refuses=True), "the second upgrade fails: relation exists already"),
    ],
)
def test_a_second_upgrade_that_does_something_fails(database: FakeDatabase, text: str) -> None:
    """It changes the schema, or it fails."""
    failure = ready(FakeDatabases(database)).idempotent()

    assert failure is not None
    assert render(failure) == text


def test_an_upgrade_that_fails_after_the_downgrade_is_told_with_its_error() -> None:
    """The downgrade left what the upgrade makes."""
    failure = ready(FakeDatabases(FakeDatabase(refuses=True))).no_drift()

    assert failure == UpgradeFails(Repeated.AFTER_DOWNGRADE, "relation exists already")


def test_a_loss_fails_with_its_revision_first() -> None:
    """The first line has the revision and its worst loss."""
    trace = revision(step("ALTER"), after={**BASE, **column(f"{USERS}.plan")})
    gone = DataDifference((DataChange(f"{USERS}.name", DataChangeKind.VALUES_GONE, 3, 9),))
    failure = ready(FakeDatabases(), FakeTrials({"r1": replace(trace, undone=gone)})).round_trip("r1")

    assert isinstance(failure, NotUndone)
    assert render(failure).startswith(f"r1: The downgrade does not restore what was there before: {USERS}.name")
