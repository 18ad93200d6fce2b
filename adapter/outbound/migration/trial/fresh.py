"""Runs a revision that draws keys from sequences on a database without made-up rows, as a new installation has it."""

from contextlib import suppress

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.trial.database import CannotBuildError
from adapter.outbound.migration.trial.databases import RevisionDatabases
from domain.migration.history import HistoryEntry
from domain.migration.trace import RevisionTrace

_DUPLICATE = "23505"


def fails_fresh(databases: RevisionDatabases, entry: HistoryEntry, trace: RevisionTrace) -> str:
    """Return the error of a revision on a database that has only what the earlier revisions made; empty without one.

    Earlier revisions may have inserted rows with keys of their own, so that a sequence gives out the same keys. In a
    database with made-up rows, the sequences are beyond these. Only a revision that draws numbers from sequences and
    inserts rows is tried.
    """
    inserts = any(counts.inserted for statement in trace.upgrade for counts in statement.rows.values())
    if trace.after is None or not trace.drawn or not inserts:
        return ""
    with suppress(CannotBuildError):  # an earlier revision fails there: it has the error
        with databases.bare(entry.parents).copy() as database:
            error = database.run(Command.UPGRADE, entry.revision).error
        return described(error) if error is not None and error.sqlstate == _DUPLICATE else ""
    return ""
