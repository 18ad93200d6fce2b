"""The state of a database beside its project, with fakes that hold a state."""

from collections.abc import Collection
from dataclasses import dataclass, field

from application.migration.ports import MigratedProject, Target
from application.migration.read_status import ReadStatus
from domain.migration.errors import MigrationError
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.status import TargetState

_TABLE = {("table", "public.users"): {"kind": "table"}}


@dataclass(frozen=True)
class FakeTarget(Target):
    """A database at some revisions, with a catalog."""

    current: tuple[str, ...] = ("b",)
    postgres: str = "18.6"
    objects: SchemaSnapshot = field(default_factory=lambda: SchemaSnapshot(_TABLE))

    def state(self, version_tables: Collection[str]) -> TargetState:
        """Return its state; only the project knows where its versions are."""
        current = self.current if "ops.versions" in version_tables else ()
        return TargetState("postgresql://shop", self.postgres, current, None, "0.8.6", ())

    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return its catalog."""
        assert "ops.versions" in version_tables
        return self.objects


@dataclass(frozen=True)
class FakeProject(MigratedProject):
    """Two revisions and models that differ as it was given."""

    drift: tuple[str, ...] = ()
    failure: str = ""

    def history(self) -> History:
        """Return a line of two revisions."""
        return History((HistoryEntry("a", ()), HistoryEntry("b", ("a",))))

    def version_tables(self) -> tuple[str, ...]:
        """Return a table of its own name."""
        return ("ops.versions",)

    def major(self) -> int:
        """Return 18."""
        return 18

    def schema_at_heads(self) -> SchemaSnapshot:
        """Return one table, or fail as a revision does."""
        if self.failure:
            raise MigrationError(self.failure, "mend it")
        return SchemaSnapshot(_TABLE)

    def model_drift(self) -> tuple[str, ...]:
        """Return what it was given."""
        return self.drift


def test_at_head() -> None:
    """At head nothing is pending, and nothing differs."""
    status = ReadStatus(FakeProject(), FakeTarget())()

    assert (status.current, status.heads, status.pending) == (("b",), ("b",), ())
    assert (status.drift, status.drift_unknown, status.problems) == ((), "", ())


def test_behind() -> None:
    """Behind the head the missing revisions are pending, and drift is not asked for."""
    status = ReadStatus(FakeProject(failure="never run"), FakeTarget(current=("a",)))()

    assert [revision.revision for revision in status.pending] == ["b"]
    assert (status.drift, status.drift_unknown) == (None, "")


def test_ahead() -> None:
    """Nothing is pending for a database at a revision that nobody knows."""
    status = ReadStatus(FakeProject(), FakeTarget(current=("z",)))()

    assert (status.unknown, status.pending, status.drift) == (("z",), (), None)


def test_drift_of_database_and_models() -> None:
    """What differs is said of the database and of the models; other schemas and extensions are left alone."""
    other = {("table", "elsewhere.theirs"): {"kind": "table"}, ("extension", "hstore"): {"version": "1.8"}}
    target = FakeTarget(objects=SchemaSnapshot({("table", "public.by_hand"): {"kind": "table"}, **other}))
    status = ReadStatus(FakeProject(drift=("column public.users.nick is missing",)), target)()

    assert status.drift == (
        "database: table public.users is missing",
        "database: table public.by_hand is unexpected",
        "models: column public.users.nick is missing",
    )


def test_catalogs_of_two_versions_are_not_compared() -> None:
    """Where no sandbox of the server's version is to be had, the reason is said instead of differences."""
    status = ReadStatus(FakeProject(), FakeTarget(postgres="15.4"))()

    assert status.drift is None
    assert "the sandbox is Postgres 18" in status.drift_unknown


def test_a_revision_that_fails() -> None:
    """Where the revisions do not run, that is the reason why nothing was compared."""
    status = ReadStatus(FakeProject(failure="revision b fails"), FakeTarget())()

    assert (status.drift, status.drift_unknown) == (None, "not compared: revision b fails")
