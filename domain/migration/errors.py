"""Errors of the migration context: what happened, and what mends it."""

from domain.errors import DomainError


class MigrationError(DomainError):
    """Something about a history or its analysis that stops the command.

    Attributes:
        exit_code: What the command ends with: 2 for usage or configuration, 3 when the database or the project failed.
    """

    exit_code = 3


class HistoryError(MigrationError):
    """A name that the history does not have, or that means several revisions."""

    exit_code = 2


class StatisticsError(MigrationError):
    """Statistics of a target that cannot be read."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "write them with: migrate stats --format json > stats.json") -> None:
        super().__init__(message, hint)
