"""Databases at revisions of a project, for the tests of the project."""

from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.model_drift import compare_models
from application.migration.ports.project_databases import ModelComparison, ProjectDatabases
from domain.migration.errors import MigrationError
from domain.migration.history import History


class SandboxProjectDatabases(ProjectDatabases):
    """Databases of a sandbox."""

    def __init__(self, databases: RevisionDatabases) -> None:
        """Create a maker of databases that have rows only where a test asks for them.

        Args:
            databases: Makes the databases.
        """
        self._databases = databases
        self._without_rows = databases.with_rows(0)

    def history(self) -> History:
        """Return the revisions of the project.

        Raises:
            MigrationError: They cannot be read.
        """
        return self._databases.history()

    def create(self, revision: str = "heads", rows: int = 0) -> Database:
        """Create a database at a revision.

        Raises:
            MigrationError: The revision is unknown, or cannot be reached.
        """
        source = self._databases.with_rows(rows) if rows else self._without_rows
        try:
            return source.at(self.history().resolve(revision))
        except CannotBuildError as error:
            raise MigrationError(str(error), "correct the revision; migrate analyze shows its statements") from error

    def compare_models(self) -> ModelComparison:
        """Return the comparison of the models with a database at the heads."""
        return compare_models(self._without_rows)
