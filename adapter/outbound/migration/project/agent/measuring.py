"""Measures the statements of a revision by probes of their transaction, and reports them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .failures import message_of, sqlstate_of
from .figures import (
    STRONGEST_MODE,
    LockedRows,
    is_strong,
    local_number,
    most_written,
    new_locks,
    row_figures,
    tables_with_locks_of_rows,
    undone_locks,
    used_tables,
)
from .loop import Loop
from .plans import runs_others, unexplained_tables
from .protocol import Command
from .questions import Observe, Observed
from .session import PROBE_TOTAL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from .catalog import Catalog
    from .channel import Channel
    from .plans import DriverStatement
    from .protocol import Statement
    from .run import Run
    from .session import Session


# Transactions of the tracer between the probes before and after a statement: the flush of the counters, and a probe.
_OUR_TRANSACTIONS = 2
_NEXT_TRANSACTION = (
    "SELECT (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::text"
)


class Meter:
    """What is known of the transaction of a revision, and the reports of its statements.

    Attributes:
        statement: The statement that is being executed, on its cursor; None when it cannot be explained.
    """

    def __init__(self, channel: Channel, kill_after: int) -> None:
        self.statement: DriverStatement | None = None
        self._channel = channel
        self._statements_until_kill = kill_after
        self._catalog: Catalog | None = None
        self._pid: int | None = None
        # The connection, and the probe after the last statement of its transaction: the probe before the next one.
        self._last_probe: tuple[Any, dict[str, Any]] | None = None
        self._loop = Loop()
        self._locked_rows = LockedRows(channel)
        # The locks that are known of the current transaction of each server process.
        self._known_locks: dict[int, tuple[str | None, set[tuple[int, str]]]] = {}

    def begin(self) -> None:
        """Begin with the statements of another function."""
        self._loop = Loop()
        self._locked_rows = LockedRows(self._channel)
        self._last_probe = None

    def forget_probe(self) -> None:
        """Forget the last probe, because another statement has come between."""
        self._last_probe = None

    def forget_catalog(self) -> None:
        """Forget the catalog, because a part of the transaction was or may have been rolled back."""
        self._catalog = None

    def assume(self, session: Session, probe: dict[str, Any]) -> None:
        """Let a probe be that before the next statement of a connection."""
        self._last_probe = (session.connection, probe)

    def know(self, probe: dict[str, Any]) -> None:
        """Record the locks of a transaction, so that what it has later besides them is seen."""
        self._known_locks[probe["pid"]] = probe["transaction"], {(oid, mode) for oid, mode in probe["locks"] or []}

    def unseen_locks(self, run: Run, session: Session) -> tuple[dict[str, str], dict[str, int]]:
        """Return the locks that no statement has taken, in a transaction that is open.

        Returns:
            The strongest mode by table, and the number of locked rows by table.
        """
        probe = session.probe()
        catalog = self.known_catalog(run, session, probe["pid"])
        self._without_unseen(run, probe)
        transaction = run.transaction(f"{probe['pid']} {probe['transaction']}")
        tables = tables_with_locks_of_rows(probe, catalog)
        return run.unseen_locks, self._locked_rows.count(session, transaction, tables, probe["xid"]) if tables else {}

    def _probe_before(
        self, run: Run, session: Session, last_probe: tuple[Any, dict[str, Any]] | None, *, ours: bool
    ) -> dict[str, Any] | None:
        """Return the probe before a statement: the last one, or a new one without locks that were not seen before.

        Returns:
            The probe; None when the transaction has failed already, as the statement will say.
        """
        if last_probe is not None and last_probe[0] is session.connection and not ours:
            return last_probe[1]
        with suppress(Exception):
            probe = session.probe()
            self.known_catalog(run, session, probe["pid"])
            return probe if ours else self._without_unseen(run, probe)
        return None

    def _without_unseen(self, run: Run, probe: dict[str, Any]) -> dict[str, Any]:
        """Return a probe without the locks that were taken since the last known one, and note these of the run.

        A statement that was not traced has taken them; they count for the next one that is.
        """
        transaction, known_locks = self._known_locks.get(probe["pid"], (None, set()))
        if transaction != probe["transaction"]:
            known_locks = set()
        locks = [lock for lock in probe["locks"] or [] if tuple(lock) in known_locks]
        unseen = new_locks(run.before or {}, locks, probe["locks"] or [])
        run.unseen_locks = {**run.unseen_locks, **{table: mode for table, mode in unseen.items() if is_strong(mode)}}
        return {**probe, "locks": locks}

    def end_loop(self, run: Run) -> None:
        """Report the statements that were only counted in a loop, with their total figures."""
        loop = self._loop
        if not loop.counted:
            return
        scanned: dict[str, int] = {}
        rows: dict[str, Any] = {}
        wal = 0
        with suppress(Exception):  # the transaction has failed, so it cannot be probed
            after = loop.session.probe()
            scanned, rows = self._rows_between(run, loop.before, after)
            wal = after["wal"] - loop.before["wal"]
            self._last_probe = (loop.session.connection, after)
        for report in loop.reports(scanned, rows, wal):
            self._channel.send(report)

    def is_in_loop(self, session: Session, report: Statement) -> bool:
        """Return whether a statement is to be only counted, because it ran many times already."""
        return self._last_probe is not None and self._loop.is_measured_enough(report, session)

    def count_only(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement that ran many times already, without probes, which would take longer than the loop."""
        assert self._last_probe is not None  # noqa: S101 - as `is_in_loop` has said
        before = self._last_probe[1]
        start = time.perf_counter()
        try:
            execute()
        except Exception as error:
            self.end_loop(run)
            self._last_probe = None
            self._catalog = None
            report.duration_ms = (time.perf_counter() - start) * 1000
            report.error, report.sqlstate = message_of(error), sqlstate_of(error)
            self._send(report)
            raise
        self._loop.count(report, session, before, (time.perf_counter() - start) * 1000)
        self._kill_when_due()

    def unmeasured(self, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement without probes: a transaction command, SET TRANSACTION, or a streamed query."""
        self._last_probe = None
        with self._timed(report):
            execute()
        self._send(report)

    @contextmanager
    def measured(
        self, run: Run, session: Session, report: Statement, *, ours: bool = False, refused: Collection[str] = ()
    ) -> Iterator[None]:
        """Probe a transaction before and after a statement, which is executed inside the block, and report it.

        Args:
            run: The function that runs.
            session: The connection.
            report: The report of the statement, to which the figures are added.
            ours: Whether the tracer has begun the transaction, for this statement only.
            refused: SQLSTATEs of errors that are raised without a report.
        """
        last_probe, self._last_probe = self._last_probe, None
        before = self._probe_before(run, session, last_probe, ours=ours)
        if before is None:
            with self._timed(report):
                yield
            self._send(report)
            return
        known = self.known_catalog(run, session, before["pid"])
        report.lock_timeout = before["lock_timeout"]
        if not ours:
            report.transaction = run.transaction(f"{before['pid']} {before['transaction']}")
        with self._timed(report, silent=refused):
            yield
        try:
            after = session.probe()
            later = session.catalog(known, after["xid"]) if after["catalog"] != before["catalog"] else known
        except Exception:  # noqa: BLE001 - the statement was a COMMIT or ROLLBACK: there is no transaction to probe
            self._catalog = None
            if ours:
                session.run("COMMIT")
            self._send(report)
            return
        locks = after["locks"] or []
        if after["transaction"] != before["transaction"]:  # the statement has begun another transaction
            before = {**before, "locks": [], "counters": []}
            report.transaction = None if ours else run.transaction(f"{after['pid']} {after['transaction']}")
            # the locks of the one that it ended are gone
            locks = [*locks, *([table, STRONGEST_MODE] for table in known.touched(later))]
        report.wal_bytes = after["wal"] - before["wal"]
        report.locks = new_locks(run.before or {}, before["locks"] or [], locks)
        self._compare(run, report, known, later)
        report.scanned, report.rows = self._rows_between(run, before, after)
        report.catalogs = sorted({*(after["catalogs"] or ())} - {*(before["catalogs"] or ())})
        report.analyzed = self._analyzed_between(run, session, before, after)
        if known is not later:
            is_undone = not (report.created or report.altered or report.dropped or report.rewritten)
            report.locks |= undone_locks(run.before or {}, report.scanned, before["locks"], locks, is_undone=is_undone)
        self.know(after)
        if tables := tables_with_locks_of_rows(after, later):
            report.locked = self._locked_rows.count(session, report.transaction, tables, after["xid"])
            after = session.probe()  # the count itself reads tables
        self._explain(session, report, changed=known is not later)
        if ours:
            with self._timed(report, add=True):
                session.run("COMMIT")
        else:
            self._last_probe = (session.connection, after)
            if known is later:
                self._loop.note_measured(report)
        self._send(report)

    def observed(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement that begins and ends transactions, while the parent observes it from a second session."""
        session.value("SELECT pg_catalog.pg_stat_force_next_flush()::text")
        known = self.known_catalog(run, session, session.probe()["pid"])
        first_transaction = int(session.value(_NEXT_TRANSACTION))
        before = session.probe(PROBE_TOTAL)
        self._channel.ask(Observe(before["pid"], report.sql))
        failure: Exception | None = None
        start = time.perf_counter()
        try:
            execute()
        except Exception as error:  # noqa: BLE001 - raised again after the report
            failure = error
            report.error, report.sqlstate = message_of(error), sqlstate_of(error)
        report.duration_ms = (time.perf_counter() - start) * 1000
        locks = self._channel.ask(Observed()) or []
        with suppress(Exception):  # the author may have dropped the connection's own database
            session.value("SELECT pg_catalog.pg_stat_force_next_flush()::text")
            after = session.probe(PROBE_TOTAL)
            later = session.catalog()
            report.wal_bytes = after["wal"] - before["wal"]
            report.locks = new_locks(run.before or {}, [], locks)
            self._compare(run, report, known, later)
            report.scanned, report.rows = self._rows_between(run, before, after)
            report.analyzed = self._analyzed_between(run, session, before, after)
            transactions = local_number(after["transaction"]) - local_number(before["transaction"]) - _OUR_TRANSACTIONS
            assigned = int(session.value(_NEXT_TRANSACTION)) - first_transaction
            report.most_written = most_written(
                session, later.tables, report.rows, first_transaction, assigned, transactions
            )
            report.used_within = used_tables(report, later.tables) if runs_others(report.sql) else []
            report.unexplained = unexplained_tables(report, report.used_within)
        self._send(report)
        if failure is not None:
            raise failure

    def known_catalog(self, run: Run, session: Session, pid: int) -> Catalog:
        """Return the catalog, which is read from a connection when none is known of its server process."""
        if self._catalog is None or self._pid != pid:
            self._catalog = session.catalog()
            self._pid = pid
        if run.before is None:
            run.before = dict(self._catalog.names)
        return self._catalog

    def _compare(self, run: Run, report: Statement, known: Catalog, later: Catalog) -> None:
        self._catalog = later
        if known is not later:
            names = {**later.names, **known.names, **(run.before or {})}
            report.rewritten = sorted(names[oid] for oid in known.rewritten(later))
            built_indexes = known.built(later)
            report.indexes_built = sorted(later.names[oid] for oid in built_indexes)
            # tables of extensions have no name here
            tables = {oid: names.get(later.table_of(oid)) for oid in built_indexes}
            report.built_on = {later.names[oid]: table for oid, table in tables.items() if table}
            report.created, report.altered, report.dropped = known.changes(later)
            report.renamed = known.renamed(later)

    def _rows_between(
        self, run: Run, before: dict[str, Any], after: dict[str, Any]
    ) -> tuple[dict[str, int], dict[str, Any]]:
        """Return the rows that were read in scans and that were written between two probes, both by table."""
        names = {**(self._catalog.names if self._catalog else {}), **(run.before or {})}
        return row_figures(names, before["counters"] or [], after["counters"] or [])

    def _analyzed_between(self, run: Run, session: Session, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        """Return the tables that an ANALYZE read between two probes, wherever it stood."""
        if after["samples"] == before["samples"]:
            return []
        names = {**(self._catalog.names if self._catalog else {}), **(run.before or {})}
        return sorted(names[oid] for oid in session.analyzed_since(before["clock"]) if oid in names)

    def _explain(self, session: Session, report: Statement, *, changed: bool) -> None:
        """Add to a report the plan of a statement that found no rows, and the tables of statements within it."""
        if self.statement is not None and not changed:
            wrote = bool(report.rows or report.locked)
            report.plan = self.statement.plan(session, report.sql, wrote=wrote)
        if self.statement is not None and report.rows and self._loop.takes_plan(report):
            report.plans_of_writes = self.statement.plans_of_writes(session, report.sql)
        if self.statement is not None and not report.rows and report.direction == Command.DOWNGRADE:
            report.plan_of_search = self.statement.plan_of_search(session, report.sql)
        tables = used_tables(report, self._catalog.tables) if self._catalog is not None else []
        if tables and self.statement is not None and self.statement.hides_tables(session, report.sql):
            report.used_within = tables
            report.unexplained = unexplained_tables(report, tables)

    @contextmanager
    def _timed(self, report: Statement, *, add: bool = False, silent: Collection[str] = ()) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._catalog = None
            if sqlstate_of(error) not in silent:
                report.duration_ms = (time.perf_counter() - start) * 1000
                report.error, report.sqlstate = message_of(error), sqlstate_of(error)
                self._send(report)
            raise
        milliseconds = (time.perf_counter() - start) * 1000
        report.duration_ms = report.duration_ms + milliseconds if add else milliseconds

    def _send(self, report: Statement) -> None:
        self._channel.send(report)
        self._kill_when_due()

    def _kill_when_due(self) -> None:
        self._statements_until_kill -= 1
        if self._statements_until_kill == 0:
            os.kill(os.getpid(), signal.SIGKILL)
