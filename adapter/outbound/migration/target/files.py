"""Reads files that were written at a target: its statistics, and the log of an upgrade."""

from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import shown
from domain.migration.errors import StatisticsError
from domain.migration.statistics import Statistics


def read_statistics_file(path: Path) -> Statistics:
    """Read the file that `migrate stats --format json` wrote.

    Raises:
        StatisticsError: The file cannot be read, or contains something else.
    """
    try:
        return Statistics.from_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StatisticsError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StatisticsError(f"{path} is not UTF-8") from None
    except StatisticsError as error:
        raise StatisticsError(f"{path}: {error.message}", error.hint) from None


def read_log(path: Path) -> str:
    """Read the log of an upgrade.

    Raises:
        DatabaseConfigurationError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DatabaseConfigurationError(f"{shown(path)} cannot be read: {error.strerror}", "name a log file") from None
