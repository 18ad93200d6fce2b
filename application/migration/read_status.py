"""Compare a database with the revisions and the models of its project."""

from dataclasses import dataclass

from application.migration.ports.migrated_project import MigratedProject
from application.migration.ports.target import Target
from domain.migration.status import DatabaseStatus, Drift, PendingRevision

_BEHIND = Drift(None)


@dataclass(frozen=True)
class ReadStatus:
    """Reads where a database stands.

    Attributes:
        project: Its revisions and models.
        target: The database; it is only read.
    """

    project: MigratedProject
    target: Target

    def __call__(self) -> DatabaseStatus:
        """Return the state of the database.

        Raises:
            MigrationError: The history cannot be read.
        """
        history = self.project.history()
        state = self.target.state(self.project.version_tables())
        known = {entry.revision for entry in history.entries}
        unknown = tuple(revision for revision in state.current if revision not in known)
        pending = () if unknown else history.pending(state.current)
        at_head = set(state.current) == set(history.heads)
        drift = self.project.drift(self.target, state) if at_head else _BEHIND
        return DatabaseStatus(
            database=state.database,
            postgres=state.postgres,
            current=state.current,
            heads=tuple(sorted(history.heads)),
            unknown=unknown,
            pending=tuple(PendingRevision(entry.revision, entry.message) for entry in pending),
            extension=state.extension,
            extension_needed=self.project.needs_pgvector(),
            extension_available=state.extension_available,
            invalid_indexes=state.invalid_indexes,
            drift=drift.differences,
            drift_unknown=drift.reason,
            unread=state.unread + drift.unread,
            has_models=drift.has_models,
        )
