"""Durations of an upgrade on tables of doubling size."""

import time
from collections.abc import Collection
from contextlib import ExitStack

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.table_facts import read_table_facts, rows_of
from domain.migration.trace import CalibrationRun, RevisionTrace

_DOUBLINGS = 4
_CALIBRATION_SECONDS = 10.0  # after these, no further doubling starts


def calibrate(
    databases: RevisionDatabases, before: Database, trace: RevisionTrace, tables: Collection[str]
) -> tuple[CalibrationRun, ...]:
    """Run an upgrade again on tables of doubling size, until the time for that is over.

    Args:
        databases: Makes the databases.
        before: A database in the state before the upgrade; it stays as it is.
        trace: The trace of the upgrade.
        tables: The tables that get more rows.

    Returns:
        The traced run, and one run for each doubling; empty when the upgrade could not be repeated.
    """
    runs = [CalibrationRun(rows_of(trace.tables), tuple(statement.duration_ms for statement in trace.upgrade))]
    largest = max((trace.tables[table].rows for table in tables if table in trace.tables), default=0)
    deadline = time.monotonic() + _CALIBRATION_SECONDS
    with ExitStack() as last:
        grown = last.enter_context(before.copy())
        for doubling in range(1, _DOUBLINGS + 1):
            larger = databases.rows.grown(grown, largest * 2**doubling, tables)
            last.close()
            grown = last.enter_context(larger)
            run = _timed(trace, grown)
            if run is None:
                break
            runs.append(run)
            if time.monotonic() > deadline:
                break
    return tuple(runs) if len(runs) > 1 else ()


def _timed(trace: RevisionTrace, base: Database) -> CalibrationRun | None:
    """Run an upgrade on a copy of a database; None when it fails or its statements are not those of the trace."""
    with base.copy() as copy:
        tables = read_table_facts(copy.session())
        result = copy.run(Command.UPGRADE, trace.revision, trace=True)
    statements = result.run_of(trace.revision, "upgrade").statements
    if result.error is not None or [statement.sql for statement in statements] != [
        statement.sql for statement in trace.upgrade
    ]:
        return None
    return CalibrationRun(rows_of(tables), tuple(statement.duration_ms for statement in statements))
