"""Wiring of a real database: its sizes, its revisions."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.outbound.postgres.url import DatabaseURL
    from domain.migration.statistics import Statistics


def named_database(config: "Path", url: str | None, command: str) -> "DatabaseURL":
    """Return the database that the user has named; for this project also the embedded one, after starting it.

    Args:
        config: The configuration file of the project, from `configuration`.
        url: The URL of this call; None for `DATABASE_URL`.
        command: The command, for the hint.

    Raises:
        DatabaseConfigurationError: The URL cannot be used, or no database of another project is named.
        DatabaseError: The embedded server does not start.
    """
    from adapter.bootstrap.project import is_this_project
    from adapter.outbound.database.settings import database_url
    from adapter.outbound.migration.target.named import named_url

    return database_url(url if is_this_project(config) else named_url(config, url, command))


def read_target_statistics(url: str | None = None) -> "Statistics":
    """Read the sizes and rates of the database's tables; `url` replaces `DATABASE_URL`."""
    from adapter.outbound.database.settings import database_url
    from adapter.outbound.migration.target.statistics import read_statistics
    from adapter.outbound.postgres.explain import explaining

    database = database_url(url)
    with explaining(database, reads=True):
        return read_statistics(database)


def target_statistics(url: str | None, file: "Path | None") -> "Statistics":
    """Return the statistics of a target, from a file of `migrate stats` or from the database; else unknown ones.

    Args:
        url: The URL of the database; None for none.
        file: The file, which is preferred; None for none.

    Raises:
        StatisticsError: The file cannot be read, or contains something else.
        DatabaseError: The database cannot be read.
    """
    from adapter.outbound.migration.target.files import read_statistics_file
    from domain.migration.statistics import Statistics

    if file is not None:
        return read_statistics_file(file)
    return read_target_statistics(url) if url else Statistics.unknown()


def applied_heads(url: str, version_tables: "Collection[str]") -> tuple[str, ...]:
    """Read which revisions a target has; the project knows the tables in which they are written."""
    from adapter.outbound.database.settings import database_url
    from adapter.outbound.migration.target.applied import read_applied
    from adapter.outbound.postgres.explain import explaining

    database = database_url(url)
    with explaining(database, reads=True):
        return read_applied(database, version_tables)
