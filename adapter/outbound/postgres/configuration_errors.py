"""Explains why Alembic's configuration file cannot be used."""

import re
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError

_LINE = re.compile(r"\bline:?\s+(\d+)\b")
_BYTE_ORDER_MARK = r"\ufeff"  # as configparser quotes it


def describe_configuration(kind: str, message: str, file: str = "alembic.ini") -> DatabaseConfigurationError | None:
    """Return an error for an `alembic.ini` that cannot be read, or does not lead to revisions; None for other errors.

    Args:
        kind: The name of the error's class: of `configparser`, or one that Alembic raises.
        message: Its message.
        file: The file, if it is known that the error is about one.
    """
    name = Path(file).name
    if problem := _syntax_problem(kind, message):
        reason, hint = problem
        line = _LINE.search(message)
        return DatabaseConfigurationError(
            f"{name} cannot be read: {reason}{f' (line {line[1]})' if line else ''}.",
            hint,
        )
    first = message.strip().partition("\n")[0].rstrip(".:")
    if kind.startswith("Interpolation"):
        return DatabaseConfigurationError(
            f"{name} cannot be read: {first}.",
            "Write each percent sign as %%; %(here)s fails where the path of its folder has one: rename that folder.",
        )
    if kind == "ValueError" and " is not a valid value for " in message:
        return DatabaseConfigurationError(f"{first}.", "Correct the setting in alembic.ini.")
    if kind == "CommandError" and "'script_location'" in message:
        return DatabaseConfigurationError(
            f"{first}.",
            "Write script_location = FOLDER in the section [alembic] of alembic.ini, or name the file with -c and the "
            "section with -n.",
        )
    if kind == "CommandError" and first.startswith("Path doesn't exist"):
        path = first.removeprefix("Path doesn't exist: ").partition(".  Please")[0]
        return DatabaseConfigurationError(
            f"There is no folder {path}, which alembic.ini calls script_location.",
            "Correct script_location; begin it with %(here)s to count from the folder of alembic.ini.",
        )
    return None


def describe_file(error: Exception, file: Path) -> DatabaseConfigurationError:
    """Return an error for a file of settings that cannot be read, whose reader raised an error."""
    if isinstance(error, UnicodeDecodeError):
        return DatabaseConfigurationError(f"{file.name} is not written in UTF-8.", "Save the file as UTF-8.")
    return describe_configuration(type(error).__name__, str(error), file.name) or DatabaseConfigurationError(
        f"{file.name} cannot be read: {error}.", "Correct the file, and save it as UTF-8."
    )


def _syntax_problem(kind: str, message: str) -> tuple[str, str] | None:
    """Return what is wrong with the form of a file, and the remedy; None for other errors."""
    if kind == "MissingSectionHeaderError":
        if _BYTE_ORDER_MARK in message:
            return "it begins with a byte order mark", "Save the file as UTF-8 without a byte order mark."
        return "a setting stands before the first section", "Begin the file with the section: [alembic]"
    if kind == "DuplicateOptionError":
        option = re.search(r"option '([^']*)' in section '([^']*)'", message)
        setting = f"the setting {option[1]} of [{option[2]}]" if option else "a setting"
        return f"{setting} stands there twice", "Take one of the two lines out."
    if kind == "DuplicateSectionError":
        section = re.search(r"section '([^']*)'", message)
        return (
            f"the section [{section[1] if section else ''}] stands there twice",
            "Write its settings into one section.",
        )
    if kind == "ParsingError":
        return "a line is neither a setting nor a comment", "Write it as name = value, or begin it with #."
    return None
