"""Wiring of `migrate history`."""

from typing import TYPE_CHECKING

from adapter.bootstrap.journal import IN_DATABASE, IN_FILE, journal_of
from adapter.bootstrap.project import configuration
from adapter.bootstrap.target import named_database

if TYPE_CHECKING:
    from pathlib import Path

    from application.migration.read_history import HistoryReport


def read_history(
    config: "Path | None", url: str | None, journal: "tuple[str, Path | None]", limit: int | None
) -> "HistoryReport":
    """Read past deployments; nothing is written.

    Args:
        config: The configuration file of the project; None as for `ProjectRequest`.
        url: The database; None for `DATABASE_URL`, and for this project the embedded one without it.
        journal: Its kind and folder as for `journal_of`; without a folder that of the configuration file. With IN_FILE
            no database is asked, and the deployments to all databases are read.
        limit: How many deployments at most; None for all.

    Raises:
        DatabaseError: The database cannot be reached, or no database is named.
        JournalError: The journal cannot be read.
    """
    from adapter.outbound.migration.target.journal.local_file import FileJournal, place_in
    from adapter.outbound.migration.target.state import DatabaseTarget
    from adapter.outbound.postgres.explain import explaining
    from application.migration.read_history import ReadHistory

    kind, folder = journal[0], journal[1] or configuration(config).parent
    place = place_in(folder)
    if kind == IN_FILE:
        return ReadHistory(FileJournal(place), str(place))(limit)
    database = named_database(configuration(config), url, "migrate history")
    with (
        explaining(database, reads=True),
        journal_of(IN_DATABASE, folder, database, DatabaseTarget(database).identity()) as read,
    ):
        return ReadHistory(read, f"{database} and {place}")(limit)


def render_history(report: "HistoryReport", form: str, *, color: bool) -> str:
    """Return a report in a format: text or json.

    Args:
        report: The report.
        form: The name of the format.
        color: Whether the text is colored.
    """
    from adapter.outbound.migration.report import writers

    return writers.render_history(report, form, color=color)
