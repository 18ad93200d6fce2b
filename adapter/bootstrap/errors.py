"""The description of errors for commands: exit code, message and hint, without passwords."""

from collections.abc import Sequence
from typing import TypeVar

Read = TypeVar("Read")


def redact(value: "Read", unread: "Sequence[str]" = ()) -> "Read":
    """Return a text or data without passwords; see `redaction.redact`."""
    from adapter.outbound.postgres import redaction

    return redaction.redact(value, unread)


def may_hold_secret(text: str) -> bool:
    """Return whether a text may contain a secret; see `redaction.may_hold_secret`."""
    from adapter.outbound.postgres import redaction

    return redaction.may_hold_secret(text)


def print_traceback(error: BaseException, unread: "Sequence[str]" = ()) -> None:
    """Write the traceback of a defect to stderr, without passwords."""
    from adapter.outbound.postgres import redaction

    redaction.print_traceback(type(error), error, error.__traceback__, unread)


def reachable(text: str) -> str:
    """Return a text in which commands that are not on PATH are written with their path."""
    from adapter.outbound.postgres.commands import reachable as with_paths

    return with_paths(text)


def describe_error(error: BaseException, unread: "Sequence[str]" = ()) -> tuple[int, str, str] | None:
    """Return the exit code and the texts for an error that ends a command.

    Args:
        error: The error.
        unread: The arguments of the command; those that may contain a secret are not shown.

    Returns:
        Exit code, message and hint, or None if the error is a defect, which needs its traceback.
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
