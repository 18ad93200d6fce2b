"""Wiring of the journal of deployments."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.outbound.postgres.url import DatabaseURL
    from application.migration.ports.journal import Journal
    from domain.migration.deployment.plan import TargetIdentity

IN_DATABASE = "database"
IN_FILE = "file"


@contextmanager
def journal_of(kind: str, folder: "Path", database: "DatabaseURL", target: "TargetIdentity") -> "Iterator[Journal]":
    """Yield the journal of a database, and close its connection afterwards.

    Args:
        kind: IN_DATABASE for one in the database with a copy in a file, IN_FILE for the file alone.
        folder: Where the folder of the file is, or will be.
        database: The database.
        target: What tells it from all others.
    """
    from adapter.outbound.migration.target.journal.both import BothJournals
    from adapter.outbound.migration.target.journal.database import DatabaseJournal
    from adapter.outbound.migration.target.journal.local_file import FileJournal, place_in

    name = target.name
    local = FileJournal(place_in(folder), name)
    if kind == IN_FILE:
        yield local
        return
    with closing(DatabaseJournal(database, name)) as in_database:
        yield BothJournals(local, in_database)
