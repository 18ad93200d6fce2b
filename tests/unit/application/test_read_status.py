"""The state of a database beside its project, with fakes that hold a state."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.target import Target
from application.migration.read_status import ReadStatus
from domain.migration.deployment.plan import Destroyed, TargetIdentity
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.status import Drift, TargetState

_NO_DRIFT = Drift(())


@dataclass(frozen=True)
class FakeTarget(Target):
    """A database at some revisions."""

    current: tuple[str, ...] = ("b",)

    def state(self, version_tables: Collection[str]) -> TargetState:
        """Return its state; only the project knows where its versions are."""
        current = self.current if "ops.versions" in version_tables else ()
        return TargetState("postgresql://shop", "18.6", current, None, "0.8.6", (), ("the extensions on offer",))

    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return a catalog without anything."""
        assert "ops.versions" in version_tables
        return SchemaSnapshot({})

    def count(self, destroyed: Iterable[Destroyed]) -> dict[str, int | None]:
        """Return that each has seven rows."""
        return {item.name: 7 for item in destroyed}

    def identity(self) -> TargetIdentity:
        """Return nothing, as nobody asks."""
        raise NotImplementedError


@dataclass(frozen=True)
class FakeProject(MigratedProject):
    """Two revisions, and models that differ as it was given; None where nobody may ask for that."""

    known_drift: Drift | None = _NO_DRIFT
    vectors: bool = False

    def history(self) -> History:
        """Return a line of two revisions."""
        return History((HistoryEntry("a", ()), HistoryEntry("b", ("a",))))

    def version_tables(self) -> tuple[str, ...]:
        """Return a table of its own name."""
        return ("ops.versions",)

    def needs_pgvector(self) -> bool:
        """Return what it was given."""
        return self.vectors

    def drift(self, target: Target, state: TargetState) -> Drift:
        """Return what it was given."""
        assert isinstance(target, FakeTarget)
        assert state.current == target.current
        assert self.known_drift is not None
        return self.known_drift


def test_at_head() -> None:
    """At head nothing is pending, and nothing differs; what the database could not be asked is said."""
    status = ReadStatus(FakeProject(), FakeTarget())()

    assert (status.current, status.heads, status.pending) == (("b",), ("b",), ())
    assert (status.drift, status.drift_unknown) == ((), "")
    assert status.problems == ("not read: the extensions on offer",)


def test_behind() -> None:
    """Behind the head the missing revisions are pending, and drift is not asked for."""
    status = ReadStatus(FakeProject(known_drift=None), FakeTarget(current=("a",)))()

    assert [revision.revision for revision in status.pending] == ["b"]
    assert (status.drift, status.drift_unknown) == (None, "")


def test_ahead() -> None:
    """Nothing is pending for a database at a revision that nobody knows."""
    status = ReadStatus(FakeProject(known_drift=None), FakeTarget(current=("z",)))()

    assert (status.unknown, status.pending, status.drift) == (("z",), (), None)


def test_drift() -> None:
    """What differs, and what was not compared, is as the project has it."""
    differing = ReadStatus(FakeProject(Drift(("column public.users.nick is missing",))), FakeTarget())()
    unread = ReadStatus(FakeProject(Drift(None, "not compared", ("what differs",))), FakeTarget())()

    assert differing.drift == ("column public.users.nick is missing",)
    assert (unread.drift, unread.drift_unknown) == (None, "not compared")
    assert unread.unread == ("the extensions on offer", "what differs")


def test_pgvector() -> None:
    """Whether the extension is needed, the models say."""
    assert [ReadStatus(FakeProject(vectors=needed), FakeTarget())().extension_needed for needed in (False, True)] == [
        False,
        True,
    ]
