"""How a command ends with an error: exit code, message and hint, without passwords."""

from collections.abc import Sequence
from typing import TypeVar

Read = TypeVar("Read")


def redact(value: "Read", unread: "Sequence[str]" = ()) -> "Read":
    """Take the passwords out of a text or of data; see `redaction.redact`."""
    from adapter.outbound.postgres import redaction

    return redaction.redact(value, unread)


def may_hold_secret(text: str) -> bool:
    """Return whether a text is an address or the like."""
    from adapter.outbound.postgres import redaction

    return redaction.may_hold_secret(text)


def print_traceback(error: BaseException, unread: "Sequence[str]" = ()) -> None:
    """Print the traceback of a defect, without passwords."""
    from adapter.outbound.postgres import redaction

    redaction.print_traceback(type(error), error, error.__traceback__, unread)


def reachable(text: str) -> str:
    """Return a text whose commands have their path where the shell does not find them."""
    from adapter.outbound.postgres.commands import reachable as with_paths

    return with_paths(text)


def describe_error(error: BaseException, unread: "Sequence[str]" = ()) -> tuple[int, str, str] | None:
    """Return how a command ends with this error.

    Args:
        error: What was raised.
        unread: The arguments of the command: what looks like an address is not shown as it was given.

    Returns:
        Exit code, message and hint; None when the error is a defect, whose traceback is needed.
    """
    described = _described(error)
    if described is None:
        return None
    code, message, hint = described
    return code, redact(message, unread), reachable(redact(hint, unread))


def _described(error: BaseException) -> tuple[int, str, str] | None:
    from adapter.outbound.postgres.explain import explain, server_message, sqlstate
    from domain.errors import DomainError

    if isinstance(error, DomainError):
        return getattr(error, "exit_code", 1), error.message, error.hint
    if explained := explain(error):
        return explained.exit_code, explained.message, explained.hint
    if sqlstate(error):
        return 3, f"the database refused: {server_message(error)}", "compare the schema with the code: alembic check"
    return None
