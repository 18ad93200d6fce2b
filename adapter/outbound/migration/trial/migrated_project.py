"""A project whose revisions and models run in a sandbox, for the state of a database beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapter.outbound.migration.trial.database import CannotBuildError
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.model_drift import compare_models
from application.migration.ports.expected_schema import ExpectedSchema
from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.target import Target
from domain.migration.drift import drift_from_revisions
from domain.migration.errors import MigrationError
from domain.migration.history import History
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.status import Drift, TargetState


@dataclass(frozen=True)
class SandboxProject(MigratedProject, ExpectedSchema):
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

    def needs_pgvector(self) -> bool:
        """Return False: what a model needs and the database has not is drift."""
        return False

    def drift(self, target: Target, state: TargetState) -> Drift:
        """Return what the database, and what the models, have otherwise than the revisions make it; or why not."""
        major = self.databases.sandbox.server_version // 10_000
        if state.major != major:
            return Drift(None, f"not compared: the sandbox is Postgres {major}, and catalogs of two versions differ")
        try:
            expected, models = self.schema_at(self.history().heads), self._model_drift()
        except MigrationError as error:
            return Drift(None, f"not compared: {error.message}")
        difference = drift_from_revisions(expected, target.schema(self.version_tables()))
        in_database = (f"database: {sentence}" for sentence in difference.sentences())
        in_models = (f"models: {sentence}" for sentence in models or ())
        return Drift((*in_database, *in_models), has_models=models is not None)

    def schema_at(self, revisions: Sequence[str]) -> SchemaSnapshot:
        """Return the catalog of a database at some revisions, without the tables in which versions are written.

        Raises:
            MigrationError: They cannot be reached.
        """
        try:
            with self.databases.at(tuple(revisions)) as database:
                return database.snapshot()
        except CannotBuildError as error:
            raise MigrationError(str(error), "correct the revision; migrate analyze shows its statements") from error

    def _model_drift(self) -> tuple[str, ...] | None:
        """Return what the models have otherwise than the revisions; None without models."""
        models = compare_models(self.databases)
        if models.error:
            raise MigrationError(f"the models cannot be made ({models.error})", "alembic check compares them, too")
        return None if models.difference is None else tuple(models.difference.sentences())
