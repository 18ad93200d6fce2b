"""The use case of `migrate history`: show past deployments, what was expected of them beside what happened."""

from dataclasses import dataclass

from application.migration.ports.journal import Journal
from domain.migration.deployment.past import PastDeployment, past_deployments


@dataclass(frozen=True)
class HistoryReport:
    """Past deployments.

    Attributes:
        place: Where their journal is, as it may be printed.
        deployments: The deployments, newest first.
        count: How many the journal has.
    """

    place: str
    deployments: tuple[PastDeployment, ...]
    count: int


@dataclass(frozen=True)
class ReadHistory:
    """Reads past deployments from a journal.

    Attributes:
        journal: The journal.
        place: Where it is, as it may be printed.
    """

    journal: Journal
    place: str

    def __call__(self, limit: int | None = None) -> HistoryReport:
        """Return the newest deployments.

        Args:
            limit: How many at most; None for all.

        Raises:
            JournalError: The journal cannot be read.
        """
        deployments = past_deployments(self.journal.read())
        return HistoryReport(self.place, deployments[:limit], len(deployments))
