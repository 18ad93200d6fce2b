"""Errors of the database adapter, each with a message and a hint."""

import re

from adapter.outbound.postgres.redaction import redact

HINT = "\n  hint: "
_MOST_LETTERS = 2000
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]{4,}")


class DatabaseError(Exception):
    """A problem with the database or its configuration.

    Attributes:
        message: The problem in one line of at most 2,000 letters, without passwords.
        hint: The remedy in one line, without passwords.
        exit_code: The exit code of a command: 2 for usage or configuration, 3 if the database refused or failed.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str) -> None:
        self.message = _readable(redact(message))
        self.hint = redact(hint)
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return message and hint in two lines, as a terminal shows them."""
        return f"{self.message}{HINT}{self.hint}"


def _readable(text: str) -> str:
    """Return a text without memory addresses and shortened, as `domain.wording` does, which env.py must not import."""
    text = _ADDRESS.sub("", text)
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


class DatabaseConfigurationError(DatabaseError):
    """The configuration cannot work: a wrong URL, an unknown option, a driver that is not installed."""

    exit_code = 2
