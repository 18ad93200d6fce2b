"""Explains why Alembic's configuration file cannot be used."""

import re

from adapter.outbound.postgres.errors import DatabaseConfigurationError

_PARSER_ERRORS = {"MissingSectionHeaderError", "ParsingError", "DuplicateOptionError", "DuplicateSectionError"}
_LINE = re.compile(r"\bline:?\s+(\d+)\b")


def describe_configuration(kind: str, message: str) -> DatabaseConfigurationError | None:
    """Return an error for an `alembic.ini` that cannot be read, or does not lead to revisions; None for other errors.

    Args:
        kind: The name of the error's class: of `configparser`, or one that Alembic raises.
        message: Its message.
    """
    first = message.strip().partition("\n")[0].rstrip(".:")
    if kind in _PARSER_ERRORS:
        line = _LINE.search(message)
        return DatabaseConfigurationError(
            f"alembic.ini cannot be read: {first}{f' (line {line[1]})' if line else ''}.",
            "Correct that line; save the file as UTF-8 without a byte order mark.",
        )
    if kind.startswith("Interpolation"):
        return DatabaseConfigurationError(
            f"alembic.ini cannot be read: {first}.",
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
