"""Wiring of the tests that the pytest plugin adds to a project."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, revision_databases
from adapter.bootstrap.verify import render_verification

if TYPE_CHECKING:
    from adapter.outbound.migration.trial.database import Database
    from adapter.outbound.migration.trial.databases import RevisionDatabases


class MigrationDatabases:
    """Databases at revisions of a project, for tests; checks return a problem as text, or None if there is none."""

    def __init__(self, databases: "RevisionDatabases") -> None:
        """Wrap the databases of a sandbox."""
        self._databases = databases
        self._without_rows = databases.with_rows(0)
        self._created: dict[str, Database] = {}

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the history."""
        return self._databases.history().heads

    def create(self, revision: str = "heads", rows: int = 0) -> str:
        """Create a database at a revision and return its URL.

        Args:
            revision: The name of a revision in Alembic's syntax.
            rows: The number of rows that fill each table.

        Raises:
            MigrationError: The revision is unknown, or cannot be reached.
        """
        database = self._at(revision, self._databases.with_rows(rows) if rows else self._without_rows)
        self._created[database.url] = database
        return database.url

    def drop(self, url: str) -> None:
        """Drop a database that `create` has created."""
        self._created.pop(url).drop()

    def _at(self, revision: str, source: "RevisionDatabases") -> "Database":
        from adapter.outbound.migration.trial.database import CannotBuildError
        from domain.migration.errors import MigrationError

        try:
            return source.at(self._databases.history().resolve(revision))
        except CannotBuildError as error:
            raise MigrationError(str(error), "mend the revision; migrate analyze shows its statements") from error

    def check(self) -> str | None:
        """Return the differences between the models and the result of the revisions in the catalog."""
        from adapter.outbound.migration.trial.model_drift import read_model_drift

        difference, error = read_model_drift(self._without_rows)
        if error:
            return f"the models cannot be compared: {error}"
        if difference is None:
            return "env.py gives no models: target_metadata in context.configure()"
        return f"{difference}\nmake the revision: alembic revision --autogenerate -m …" if difference else None

    def drift(self) -> str | None:
        """Return the differences after all downgrades and upgrades; None also if a downgrade fails."""
        from domain.migration.snapshot import compare

        with self._at("heads", self._without_rows) as database:
            before = database.snapshot()
            downgrade = database.run("downgrade", "base")
            error = None if downgrade.error else database.run("upgrade", "heads").error
            difference = None
            if not (downgrade.error or error):
                difference = compare(before, database.snapshot(), ignore={"position"})
        if error:
            return f"after the downgrade to the base, the upgrade fails: {error.message}"
        return f"the schema differs after downgrading to base and upgrading again: {difference}" if difference else None

    def upgrade_twice(self) -> str | None:
        """Return the changes of a second upgrade."""
        from domain.migration.snapshot import compare

        with self._at("heads", self._without_rows) as database:
            before = database.snapshot()
            second_run = database.run("upgrade", "heads")
            difference = compare(before, database.snapshot())
        if second_run.error:
            return f"the second upgrade fails: {second_run.error.message}"
        return f"the second upgrade changes the schema: {difference}" if difference else None

    def round_trip(self, wanted: str) -> str | None:
        """Return the revisions of a range that cannot be undone as they declare."""
        from adapter.outbound.migration.trial.certificate_file import Unkept
        from adapter.outbound.migration.trial.prover import SandboxRevisionProver
        from application.migration.verify import VerifyRevisions
        from domain.migration.verification.proof import Proof
        from domain.migration.verification.verdict import worst

        with closing(SandboxRevisionProver(self._databases)) as prover:
            report = VerifyRevisions(prover, Unkept())(wanted, [Proof.ROUND_TRIP])
        if not report.failed:
            return None
        worst_verdict = worst(report.proofs)
        summary = f"{worst_verdict[0].analysis.trace.revision}: {worst_verdict[1].message}\n" if worst_verdict else ""
        return f"{summary}{render_verification(report, 'text', verbose=False, color=False)}"


@contextmanager
def migration_databases(request: ProjectRequest) -> "Iterator[MigrationDatabases]":
    """Open a sandbox for the tests of a project and yield its databases."""
    with revision_databases(request) as databases:
        yield MigrationDatabases(databases)
