"""The history of a project, as the agent lists it."""

from collections.abc import Iterable

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import history_error
from adapter.outbound.migration.project.results import ListedRevision
from adapter.outbound.migration.trial.database import DatabaseMaker
from adapter.outbound.migration.trial.templates import Templates
from domain.migration.history import History


class ProjectHistory:
    """The history of a project, which is read once."""

    def __init__(self, maker: DatabaseMaker, templates: Templates) -> None:
        """Prepare to read the history.

        Args:
            maker: Creates the database on which env.py runs meanwhile.
            templates: The one that is usually needed next is copied meanwhile.
        """
        self._maker = maker
        self._templates = templates
        self._listed: dict[str, ListedRevision] = {}
        self._history: History | None = None

    def read(self) -> History:
        """Return the history.

        Raises:
            DatabaseConfigurationError: The revisions cannot be read; the message names the file and the line.
        """
        if self._history is None:
            # this database is not dropped before the sandbox closes: env.py may still run while others are created
            database = self._maker.create()
            self._templates.copy_newest()
            result = database.run(Command.REVISIONS)
            for error in (*result.problems, *([result.error] if result.error else [])):
                raise history_error(error)
            self._listed = {listed.revision: listed for listed in result.revisions}
            self._history = History(tuple(listed.entry for listed in result.revisions))
        return self._history

    def ancestors(self, revisions: Iterable[str]) -> frozenset[str]:
        """Return some revisions and all their ancestors."""
        return self.read().ancestors(revisions)

    def listed(self, revision: str) -> ListedRevision:
        """Return a revision as the agent listed it from its script."""
        return self._listed[revision]

    def parents(self, revision: str) -> tuple[str, ...]:
        """Return the revisions that a revision follows or depends on."""
        return self._listed[revision].entry.parents
