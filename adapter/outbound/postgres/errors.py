"""Errors of the database adapter: what happened, and what mends it."""

import re

from adapter.outbound.postgres.redaction import redact

HINT = "\n  hint: "
_MOST_LETTERS = 2000
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]{4,}")


class DatabaseError(Exception):
    """A problem with the database or its configuration.

    Attributes:
        message: One line that says what is wrong, of at most 2,000 letters; never holds a password.
        hint: One line that says what mends it.
        exit_code: What a command exits with: 2 for usage or configuration, 3 when the database refused or failed.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str) -> None:
        self.message = _readable(redact(message))
        self.hint = redact(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return both lines, as a terminal shows them."""
        return f"{self.message}{HINT}{self.hint}"


def _readable(text: str) -> str:
    """Return it as `domain.wording` does: env.py does not depend on the domain."""
    text = _ADDRESS.sub("", text)
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


class DatabaseConfigurationError(DatabaseError):
    """The configuration cannot work: a wrong URL, an unknown option, a driver that is not installed."""

    exit_code = 2
