"""A project whose revisions and models run in a sandbox, for the state of a database beside them."""

from dataclasses import dataclass

from adapter.outbound.migration.trial.database import CannotBuildError
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.model_drift import compare_models
from application.migration.ports import MigratedProject
from domain.migration.errors import MigrationError
from domain.migration.history import History
from domain.migration.snapshot import SchemaSnapshot


@dataclass(frozen=True)
class SandboxProject(MigratedProject):
    """Runs them.

    Attributes:
        databases: Makes databases at its revisions, without rows.
    """

    databases: RevisionDatabases

    def history(self) -> History:
        """Return its revisions.

        Raises:
            MigrationError: They cannot be read.
        """
        return self.databases.history()

    def version_tables(self) -> tuple[str, ...]:
        """Return where it writes its versions, as `schema.table`."""
        return self.databases.version_tables()

    def major(self) -> int:
        """Return the major version of the sandbox."""
        return self.databases.sandbox.server_version // 10_000

    def schema_at_heads(self) -> SchemaSnapshot:
        """Return the catalog that its revisions make.

        Raises:
            MigrationError: A revision fails.
        """
        try:
            with self.databases.at(self.databases.history().heads) as database:
                return database.snapshot()
        except CannotBuildError as error:
            raise MigrationError(str(error), "mend the revision; migrate analyze shows its statements") from error

    def model_drift(self) -> tuple[str, ...]:
        """Return what its models have otherwise than its revisions make it, a sentence each; nothing without models.

        Raises:
            MigrationError: The models cannot be made.
        """
        models = compare_models(self.databases)
        if models.error:
            raise MigrationError(f"the models cannot be made ({models.error})", "alembic check compares them, too")
        return tuple(models.difference.sentences()) if models.difference else ()
