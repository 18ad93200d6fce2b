"""Errors of the database adapter: what happened, and what mends it."""

from adapter.outbound.database.redaction import redact

HINT = "\n  hint: "


class DatabaseError(Exception):
    """A problem with the database or its configuration.

    Attributes:
        message: One line that says what is wrong; never holds a password.
        hint: One line that says what mends it.
        exit_code: What a command exits with: 2 for usage or configuration, 3 when the database refused or failed.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str) -> None:
        self.message = redact(message)
        self.hint = redact(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        """Give both lines, as a terminal shows them."""
        return f"{self.message}{HINT}{self.hint}"


class DatabaseConfigurationError(DatabaseError):
    """The configuration cannot work: a wrong URL, an unknown option, a driver that is not installed."""

    exit_code = 2
