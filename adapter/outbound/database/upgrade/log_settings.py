"""Logging as `alembic.ini` sets it."""

import configparser
from logging.config import fileConfig
from pathlib import Path

from alembic.config import Config

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import guard_process


def configure_logging(config: Config) -> None:
    """Set up logging by the sections of the configuration file, unless the caller does it itself.

    Raises:
        DatabaseConfigurationError: The sections of the file are incomplete, or name what does not exist.
    """
    file = config.config_file_name
    if file is None or not config.attributes.get("configure_logger", True):
        return
    try:
        fileConfig(file, disable_existing_loggers=False)
    except Exception as error:
        # Whatever the file names is imported and called.
        reason = f"{type(error).__name__}: {error}"
        if isinstance(error, KeyError | configparser.NoSectionError):
            reason = f"it has no section [{getattr(error, 'section', None) or error.args[0]}]"
        raise DatabaseConfigurationError(
            f"Logging cannot be set up by {Path(file).name}: {reason}.",
            "Correct its sections for logging; each key of [loggers], [handlers] and [formatters] has a section.",
        ) from error
    guard_process()
