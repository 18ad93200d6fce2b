"""Executes the statements of a revision in place of SQLAlchemy and the drivers, and reports what each of them did."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .failures import message_of, sqlstate_of
from .figures import LockedRows, local_number, most_written, new_locks, row_figures, used_tables
from .loop import Loop
from .origin import is_of_revision
from .plans import FURTHER, runs_others
from .protocol import Observe, Observed
from .run import Run
from .session import PROBE_TOTAL, Session
from .transactions import END, SAVEPOINT, SET_TRANSACTION, TRANSACTION_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .catalog import Catalog
    from .channel import Channel
    from .plans import DriverStatement
    from .protocol import Direction, Statement


_NO_TRANSACTION = {"25001", "2D000"}  # cannot run inside a transaction block; cannot commit in it
# Classes of errors: cardinality violation, data exception, constraint violation, program limits, errors of PL/pgSQL.
_OF_ROWS = {"21", "22", "23", "54", "P0"}
_ROW_ERROR_SAVEPOINT = "hexalembic_goes_on"
# Transactions of the tracer between the probes before and after a statement: the flush of the counters, and a probe.
_OUR_TRANSACTIONS = 2
_NEXT_TRANSACTION = (
    "SELECT (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::text"
)


class Tracer:
    """An executor of a revision's statements that probes the transaction before and after each of them."""

    def __init__(self, channel: Channel, kill_after: int = 0, *, goes_on: bool = False) -> None:
        self._channel = channel
        self._goes_on = goes_on
        self._statements_until_kill = kill_after
        self._run: Run | None = None
        self._catalog: Catalog | None = None
        self._pid: int | None = None
        self._is_tracing = False  # whether a statement is being traced: the queries of the tracer itself are not
        # The revision has ended the transaction by a statement: some drivers do not notice, and begin no other one.
        self._is_ended = False
        # The connection, and the probe after the last statement of its transaction: the probe before the next one.
        self._last_probe: tuple[Any, dict[str, Any]] | None = None
        self._loop = Loop()
        self._locked_rows = LockedRows()
        self._statement: DriverStatement | None = None  # that is being executed

    def transaction_ended(self, *, undone: bool = False) -> None:
        """Forget the state of the transaction, and the catalog when a part of the transaction was rolled back."""
        self._forget()
        if undone:
            self._catalog = None

    @contextmanager
    def running(self, revision: str, direction: Direction, path: str) -> Iterator[None]:
        """Trace the statements of an upgrade or downgrade function, which runs inside the block.

        Args:
            revision: ID of its revision.
            direction: Which of its functions it is.
            path: Path of the revision's file.
        """
        self._run = Run(revision, direction, path)
        self._is_ended = False
        self._loop = Loop()
        self._locked_rows = LockedRows()
        self._last_probe = None
        try:
            yield
        finally:
            self._forget()
            self._run = None

    def _forget(self) -> None:
        """Forget the last probe and report the loop, because the transaction ends or may have ended."""
        was_tracing, self._is_tracing = self._is_tracing, True
        self._end_loop()
        self._is_tracing = was_tracing
        self._last_probe = None

    def _end_loop(self) -> None:
        """Report the statements that were only counted in a loop, with their total figures."""
        loop, run = self._loop, self._run
        if run is None or not loop.counted:
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

    def take(
        self, statement: str, context: Any, execute: Callable[[], None], driver_statement: DriverStatement
    ) -> bool:
        """Execute and trace a statement of SQLAlchemy.

        Args:
            statement: Its text.
            context: SQLAlchemy's execution context.
            execute: Executes the statement.
            driver_statement: The statement on its cursor, for EXPLAIN.

        Returns:
            False when the statement is not traced, so that SQLAlchemy must execute it.
        """
        run = self._run
        if run is None or self._is_tracing or context is None or context.dialect.name != "postgresql":
            return False
        if SAVEPOINT.fullmatch(statement):
            self._forget()
            self._catalog = None
            return False
        connection = context.root_connection.connection
        session = Session(getattr(connection, "dbapi_connection", None) or connection.connection)
        self._is_tracing, self._statement = True, driver_statement
        try:
            report = run.report_of(statement)
            self._trace(run, session, report, execute, streamed=bool(getattr(context, "_is_server_side", False)))
        finally:
            self._is_tracing, self._statement = False, None
        return True

    def take_from_driver(
        self, statement: str, connection: Any, execute: Callable[[], None], driver_statement: DriverStatement | None
    ) -> bool:
        """Execute and trace a statement that a revision executes on a driver's cursor.

        Args:
            statement: Its text.
            connection: The driver's connection.
            execute: Executes the statement.
            driver_statement: The statement on its cursor, for EXPLAIN; None when it returns no rows.

        Returns:
            False when the statement is not traced, so that the cursor must execute it. This includes statements that
            come from SQLAlchemy.
        """
        run = self._run
        if run is None or self._is_tracing or not is_of_revision(run.path):
            return False
        if SAVEPOINT.fullmatch(statement):
            self._forget()
            self._catalog = None
            return False
        self._is_tracing, self._statement = True, driver_statement
        try:
            self._trace(run, Session(connection), run.report_of(statement), execute, streamed=False)
        finally:
            self._is_tracing, self._statement = False, None
        return True

    @contextmanager
    def around_copy(self, statement: str, connection: Any) -> Iterator[None]:
        """Trace a COPY; the revision sends or reads its rows inside the block."""
        run, session = self._run, Session(connection)
        if run is None or self._is_tracing or session.autocommit:
            yield
            return
        self._is_tracing = True
        try:
            self._end_loop()
            with self._measured(run, session, run.report_of(statement)):
                yield
        finally:
            self._is_tracing = False

    def _trace(
        self, run: Run, session: Session, report: Statement, execute: Callable[[], None], *, streamed: bool
    ) -> None:
        sql = report.sql
        if self._last_probe and self._loop.is_measured_enough(report, session) and not self._is_ended:
            self._count_only(session, report, execute, self._last_probe[1])
            return
        self._end_loop()
        sets_transaction = SET_TRANSACTION.match(sql)
        is_outside = session.autocommit and TRANSACTION_COMMAND.match(sql) and not session.in_block()
        if is_outside and FURTHER.search(sql):
            self._observed(run, session, report, execute)
        elif is_outside or (sets_transaction and not FURTHER.search(sql)):
            self._unmeasured(report, execute)
        elif sets_transaction and session.is_idle():
            self._with_set_transaction(run, session, report, execute)
        elif not (session.autocommit or self._is_ended) or session.in_block():
            if self._goes_on and not TRANSACTION_COMMAND.match(sql):
                self._in_savepoint(run, session, report, execute)
            else:
                self._inside(run, session, report, execute)
        elif streamed:
            self._unmeasured(report, execute)
        else:
            self._autocommitted(run, session, report, execute)
        if END.match(sql):
            self._catalog = None
            self._last_probe = None
            self._is_ended = True

    def _count_only(
        self, session: Session, report: Statement, execute: Callable[[], None], before: dict[str, Any]
    ) -> None:
        """Execute a statement that ran many times already, without probes, which would take longer than the loop."""
        start = time.perf_counter()
        try:
            execute()
        except Exception as error:
            self._forget()
            self._catalog = None
            report.duration_ms = (time.perf_counter() - start) * 1000
            report.error, report.sqlstate = message_of(error), sqlstate_of(error)
            self._send(report)
            raise
        self._loop.count(report, session, before, (time.perf_counter() - start) * 1000)
        self._kill_when_due()

    def _unmeasured(self, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement without probes: a transaction command, SET TRANSACTION, or a streamed query."""
        self._last_probe = None
        with self._timed(report):
            execute()
        self._send(report)

    def _with_set_transaction(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a text with SET TRANSACTION and further statements, and probe before it in another transaction.

        No query may precede SET TRANSACTION in its own transaction.
        """
        before = session.probe()
        self._known_catalog(run, session, before["pid"])
        session.rollback()
        empty_probe = {**before, "locks": [], "counters": [], "transaction": None}
        self._last_probe = (session.connection, empty_probe)
        self._inside(run, session, report, execute)

    def _inside(
        self,
        run: Run,
        session: Session,
        report: Statement,
        execute: Callable[[], None],
        *,
        ours: bool = False,
        refused: bool = False,
    ) -> None:
        """Execute a statement inside a transaction, between two probes of it; see `_measured`."""
        with self._measured(run, session, report, ours=ours, refused=refused):
            execute()

    def _in_savepoint(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement in a savepoint; when it fails because of rows, roll it back and continue."""
        session.run(f"SAVEPOINT {_ROW_ERROR_SAVEPOINT}")
        try:
            self._inside(run, session, report, execute)
        except Exception as error:
            if (sqlstate_of(error) or "")[:2] not in _OF_ROWS:
                raise
            session.run(f"ROLLBACK TO SAVEPOINT {_ROW_ERROR_SAVEPOINT}")
            self._last_probe = None
        else:
            session.run(f"RELEASE SAVEPOINT {_ROW_ERROR_SAVEPOINT}")

    @contextmanager
    def _measured(
        self, run: Run, session: Session, report: Statement, *, ours: bool = False, refused: bool = False
    ) -> Iterator[None]:
        """Probe a transaction before and after a statement, which is executed inside the block, and report it.

        Args:
            run: The function that runs.
            session: The connection.
            report: The report of the statement, to which the figures are added.
            ours: Whether the tracer has begun the transaction, for this statement only.
            refused: Whether an error of a statement that cannot run in a transaction is raised without a report.
        """
        last_probe, self._last_probe = self._last_probe, None
        try:
            before = (
                last_probe[1] if last_probe and last_probe[0] is session.connection and not ours else session.probe()
            )
        except Exception:  # noqa: BLE001 - the transaction had failed already, as the statement will say
            before = None
        if before is None:
            with self._timed(report):
                yield
            self._send(report)
            return
        known = self._known_catalog(run, session, before["pid"])
        report.lock_timeout = before["lock_timeout"]
        if not ours:
            report.transaction = run.transaction(f"{before['pid']} {before['transaction']}")
        with self._timed(report, silent=_NO_TRANSACTION if refused else set()):
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
        if after["transaction"] != before["transaction"]:  # the statement has begun another transaction
            before = {**before, "locks": [], "counters": []}
            report.transaction = None if ours else run.transaction(f"{after['pid']} {after['transaction']}")
        report.wal_bytes = after["wal"] - before["wal"]
        report.locks = new_locks(run.before or {}, before["locks"] or [], after["locks"] or [])
        self._compare(run, report, known, later)
        report.scanned, report.rows = self._rows_between(run, before, after)
        if after["xid"] and self._catalog is not None:
            after = self._locked_rows.count(session, report, after, self._catalog.names, self._catalog.tables)
        self._explain(session, report, changed=known is not later)
        if ours:
            with self._timed(report, add=True):
                session.run("COMMIT")
        else:
            self._last_probe = (session.connection, after)
            if known is later:
                self._loop.note_measured(report)
        self._send(report)

    def _autocommitted(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement that commits on its own, in a transaction of the tracer when the server allows that."""
        session.run("BEGIN")
        try:
            self._inside(run, session, report, execute, ours=True, refused=True)
        except Exception as error:
            self._catalog = None
            with suppress(Exception):
                session.run("ROLLBACK")
            if sqlstate_of(error) not in _NO_TRANSACTION:
                raise
        else:
            return
        report.cannot_run_in_transaction = True
        self._observed(run, session, report, execute)

    def _observed(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement that begins and ends transactions, while the parent observes it from a second session."""
        session.value("SELECT pg_catalog.pg_stat_force_next_flush()::text")
        known = self._known_catalog(run, session, session.probe()["pid"])
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
            transactions = local_number(after["transaction"]) - local_number(before["transaction"]) - _OUR_TRANSACTIONS
            assigned = int(session.value(_NEXT_TRANSACTION)) - first_transaction
            report.most_written = most_written(
                session, later.tables, report.rows, first_transaction, assigned, transactions
            )
            report.used_within = used_tables(report, later.tables) if runs_others(report.sql) else []
        self._send(report)
        if failure is not None:
            raise failure

    def _known_catalog(self, run: Run, session: Session, pid: int) -> Catalog:
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

    def _rows_between(
        self, run: Run, before: dict[str, Any], after: dict[str, Any]
    ) -> tuple[dict[str, int], dict[str, Any]]:
        """Return the rows that were read in scans and that were written between two probes, both by table."""
        names = {**(self._catalog.names if self._catalog else {}), **(run.before or {})}
        return row_figures(names, before["counters"] or [], after["counters"] or [])

    def _explain(self, session: Session, report: Statement, *, changed: bool) -> None:
        """Add to a report the plan of a statement that found no rows, and the tables of statements within it."""
        if self._statement is not None and not changed:
            wrote = bool(report.rows or report.locked)
            report.plan = self._statement.plan(session, report.sql, wrote=wrote)
            if report.rows and self._loop.takes_plan(report):
                report.plan_of_update = self._statement.plan_of_update(session, report.sql)
        tables = used_tables(report, self._catalog.tables) if self._catalog is not None else []
        if tables and self._statement is not None and self._statement.hides_tables(session, report.sql):
            report.used_within = tables

    @contextmanager
    def _timed(self, report: Statement, *, add: bool = False, silent: set[str] | None = None) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._catalog = None
            if sqlstate_of(error) not in (silent or set()):
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
