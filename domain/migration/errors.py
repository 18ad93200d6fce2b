"""Errors of the migration context."""

from collections.abc import Iterable

from domain.errors import DomainError


class MigrationError(DomainError):
    """An error that stops a command.

    Attributes:
        exit_code: Exit code of the command: 2 for usage or configuration, 3 if the database or the project failed.
    """

    exit_code = 3


class HistoryError(MigrationError):
    """A name that no revision of the history has, or that is ambiguous."""

    exit_code = 2


class UnknownNameError(MigrationError):
    """A code that no rule or check has, or a proof that there is not."""

    exit_code = 2


class StatisticsError(MigrationError):
    """Statistics of a target that cannot be read."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "write them with: migrate stats --format json > stats.json") -> None:
        super().__init__(message, hint)


class JournalError(MigrationError):
    """A journal of deployments that cannot be read or written."""


class StalePlanError(MigrationError):
    """A plan that does not fit the database or the files any more."""

    exit_code = 2

    def __init__(self, changes: Iterable[str]) -> None:
        super().__init__(f"the plan is out of date: {'; '.join(changes)}", "plan again, and review it: migrate plan")
