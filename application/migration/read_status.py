"""Compare a database with the revisions and the models of its project."""

from dataclasses import dataclass

from application.migration.ports import MigratedProject, Target
from domain.migration.errors import MigrationError
from domain.migration.snapshot import SchemaDifference, SchemaSnapshot, compare
from domain.migration.status import DatabaseStatus, PendingRevision, TargetState

# What the administrator decides, and no revision.
_LEFT_ALONE = frozenset({"position", "owner", "acl", "options"})
_ADMINISTRATORS = frozenset({"extension", "database setting", "database privileges"})


@dataclass(frozen=True)
class ReadStatus:
    """Reads where a database stands.

    Attributes:
        project: Its revisions and models, run in a sandbox.
        target: The database; it is only read.
    """

    project: MigratedProject
    target: Target

    def __call__(self) -> DatabaseStatus:
        """Return the state of the database.

        Raises:
            MigrationError: The history cannot be read.
        """
        history, version_tables = self.project.history(), self.project.version_tables()
        state = self.target.state(version_tables)
        known = {entry.revision for entry in history.entries}
        unknown = tuple(revision for revision in state.current if revision not in known)
        pending = () if unknown else history.pending(state.current)
        drift, reason = self._drift(state, version_tables) if set(state.current) == set(history.heads) else (None, "")
        return DatabaseStatus(
            database=state.database,
            postgres=state.postgres,
            current=state.current,
            heads=history.heads,
            unknown=unknown,
            pending=tuple(PendingRevision(entry.revision, entry.message) for entry in pending),
            extension=state.extension,
            extension_needed=False,  # what a model needs and the database has not is drift
            extension_available=state.extension_available,
            invalid_indexes=state.invalid_indexes,
            drift=drift,
            drift_unknown=reason,
            unread=state.unread,
        )

    def _drift(self, state: TargetState, version_tables: tuple[str, ...]) -> tuple[tuple[str, ...] | None, str]:
        """Return what the database, and what the models, have otherwise than the revisions make it; or why not."""
        major = self.project.major()
        if state.major != major:
            return None, f"not compared: the sandbox is Postgres {major}, and catalogs of two versions differ"
        try:
            expected, models = self.project.schema_at_heads(), self.project.model_drift()
        except MigrationError as error:
            return None, f"not compared: {error.message}"
        difference = _by_revisions(expected, self.target.schema(version_tables))
        in_database = (f"database: {sentence}" for sentence in difference.sentences())
        return (*in_database, *(f"models: {sentence}" for sentence in models)), ""


def _by_revisions(expected: SchemaSnapshot, actual: SchemaSnapshot) -> SchemaDifference:
    """Return what differs in the schemas that revisions work in.

    Extensions are the administrator's, and so is what the database has been set to beyond what the revisions set.
    """
    difference = compare(expected, actual, ignore=_LEFT_ALONE)
    schemas = {name.partition(".")[0] for _kind, name in expected.objects}
    return SchemaDifference(
        tuple(key for key in difference.missing if key[0] != "extension"),
        tuple(
            (kind, name)
            for kind, name in difference.unexpected
            if kind not in _ADMINISTRATORS and name.partition(".")[0] in schemas
        ),
        tuple(change for change in difference.changed if change.key[0] != "extension"),
    )
