"""An upgrade and the state of the database afterwards, with fakes that hold a state."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import pytest

from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.target import Target
from application.migration.ports.upgrader import Upgrader
from application.migration.upgrade import Upgrade
from domain.migration.deployment.plan import Destroyed, TargetIdentity
from domain.migration.errors import MigrationError
from domain.migration.history import History, HistoryEntry
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.status import Drift, TargetState


@dataclass
class FakeDatabase(Target):
    """A database that upgrades change."""

    current: tuple[str, ...] = ()

    def state(self, version_tables: Collection[str]) -> TargetState:
        """Return where it is."""
        assert version_tables == ("alembic_version",)
        return TargetState("postgresql://shop", "18.6", self.current, None, None, ())

    def count(self, destroyed: Iterable[Destroyed]) -> dict[str, int | None]:
        """Return nothing, as nobody asks."""
        raise NotImplementedError

    def schema(self, version_tables: Collection[str]) -> SchemaSnapshot:
        """Return nothing, as nobody asks."""
        raise NotImplementedError

    def identity(self) -> TargetIdentity:
        """Return nothing, as nobody asks."""
        raise NotImplementedError


@dataclass
class FakeProject(MigratedProject, Upgrader):
    """Two revisions that can be run on the database."""

    database: FakeDatabase = field(default_factory=FakeDatabase)
    fails: bool = False

    def upgrade(self) -> MigratedProject:
        """Bring the database to the head, or fail after the first revision."""
        self.database.current = ("a",)
        if self.fails:
            raise MigrationError("revision b failed", "mend it")
        self.database.current = ("b",)
        return self

    def history(self) -> History:
        """Return a line of two revisions."""
        return History((HistoryEntry("a", ()), HistoryEntry("b", ("a",))))

    def version_tables(self) -> tuple[str, ...]:
        """Return the usual one."""
        return ("alembic_version",)

    def needs_pgvector(self) -> bool:
        """Return False."""
        return False

    def drift(self, target: Target, state: TargetState) -> Drift:
        """Return that nothing was compared."""
        del target, state
        return Drift(None, "not compared")


def test_the_status_is_that_after_the_upgrade() -> None:
    """The state is read when the revisions have run."""
    project = FakeProject()
    status = Upgrade(project, project.database)()

    assert (status.current, status.pending, status.drift_unknown) == (("b",), (), "not compared")


def test_a_failure_ends_it() -> None:
    """A failed upgrade has no status."""
    project = FakeProject(fails=True)

    with pytest.raises(MigrationError, match="revision b failed"):
        Upgrade(project, project.database)()
    assert project.database.current == ("a",)
