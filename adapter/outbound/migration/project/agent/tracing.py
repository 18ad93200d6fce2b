"""Takes over the execution of statements while a revision runs, and reports what Postgres said of each."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .failures import message_of, sqlstate_of
from .figures import LockedRows, counted, local_number, most_written, taken, used
from .loop import Loop
from .origin import is_of_revision
from .plans import FURTHER, runs_others
from .run import Run, report_of
from .session import PROBE_TOTAL, Session
from .transactions import END, SAVEPOINT, SET_TRANSACTION, TRANSACTION_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .catalog import Catalog
    from .channel import Channel
    from .plans import Asked


_NO_TRANSACTION = {"25001", "2D000"}  # cannot run inside a transaction block; cannot commit in it
# Classes of errors: cardinality violation, data exception, constraint violation, limits, what PL/pgSQL raises.
_OF_ROWS = {"21", "22", "23", "54", "P0"}
_HERE = "hexalembic_goes_on"
# Transactions on our side, between the looks before and after a statement: what flushes counters, and a look itself.
_OUR_TRANSACTIONS = 2
_NEXT = "SELECT (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric % 4294967296)::text"


class Tracer:
    """Takes over the execution of statements while a revision runs."""

    def __init__(self, channel: Channel, kill_after: int = 0, *, goes_on: bool = False) -> None:
        self._channel = channel
        self._goes_on = goes_on
        self._left = kill_after
        self._run: Run | None = None
        self._catalog: Catalog | None = None
        self._pid: int | None = None
        self._busy = False
        self._ended = False  # by the author, behind the driver's back: some drivers do not begin another transaction
        # What the last statement of a transaction left is what the next one finds.
        self._left_behind: tuple[Any, dict[str, Any]] | None = None
        self._loop = Loop()
        self._locked = LockedRows()
        self._asked: Asked | None = None  # what is being executed

    def transaction_ended(self, *, undone: bool = False) -> None:
        """Forget what went on in it, and the catalog where a part of it was undone."""
        self._forget()
        if undone:
            self._catalog = None

    @contextmanager
    def running(self, revision: str, direction: str, path: str) -> Iterator[None]:
        """Trace what runs inside."""
        self._run = Run(revision, direction, path)
        self._ended = False
        self._loop = Loop()
        self._locked = LockedRows()
        self._left_behind = None
        try:
            yield
        finally:
            self._forget()
            self._run = None

    def _forget(self) -> None:
        """End what goes on from statement to statement: the transaction ends, or nobody knows."""
        busy, self._busy = self._busy, True
        self._end_loop()
        self._busy = busy
        self._left_behind = None

    def _end_loop(self) -> None:
        """Report a loop that was counted, with what it has done altogether."""
        loop, run = self._loop, self._run
        if run is None or not loop.counted:
            return
        total: dict[str, Any] = {"rows": {}, "scanned": {}}
        wal = 0
        with suppress(Exception):  # the transaction has failed: its figures are gone
            after = loop.session.probe()
            self._count(run, total, loop.before, after)
            wal = after["wal"] - loop.before["wal"]
            self._left_behind = (loop.session.connection, after)
        for report in loop.reports(total, wal):
            self._channel.send("statement", revision=run.revision, direction=run.direction, **report)

    def take(self, statement: str, context: Any, execute: Callable[[], None], asked: Asked) -> bool:
        """Execute what SQLAlchemy was to execute; False where it is to do so itself."""
        run = self._run
        if run is None or self._busy or context is None or context.dialect.name != "postgresql":
            return False
        if SAVEPOINT.fullmatch(statement):
            self._forget()
            self._catalog = None
            return False
        connection = context.root_connection.connection
        session = Session(getattr(connection, "dbapi_connection", None) or connection.connection)
        self._busy, self._asked = True, asked
        try:
            report = report_of(run, statement)
            self._trace(run, session, report, execute, streamed=bool(getattr(context, "_is_server_side", False)))
        finally:
            self._busy, self._asked = False, None
        return True

    def take_from_driver(
        self, statement: str, connection: Any, execute: Callable[[], None], asked: Asked | None
    ) -> bool:
        """Execute what a revision gives to a driver's cursor itself; False when SQLAlchemy did."""
        run = self._run
        if run is None or self._busy or not is_of_revision(run.path):
            return False
        if SAVEPOINT.fullmatch(statement):
            self._forget()
            self._catalog = None
            return False
        self._busy, self._asked = True, asked
        try:
            self._trace(run, Session(connection), report_of(run, statement), execute, streamed=False)
        finally:
            self._busy, self._asked = False, None
        return True

    @contextmanager
    def around_copy(self, statement: str, connection: Any) -> Iterator[None]:
        """Watch a COPY whose rows a revision sends or reads between."""
        run, session = self._run, Session(connection)
        if run is None or self._busy or session.autocommit:
            yield
            return
        self._busy = True
        try:
            self._end_loop()
            with self._watched(run, session, report_of(run, statement)):
                yield
        finally:
            self._busy = False

    def _trace(
        self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None], *, streamed: bool
    ) -> None:
        sql = report["sql"]
        if self._left_behind and self._loop.goes_on(report, session) and not self._ended:
            self._count_only(run, session, report, execute, self._left_behind[1])
            return
        self._end_loop()
        first = SET_TRANSACTION.match(sql)
        outside = session.autocommit and TRANSACTION_COMMAND.match(sql) and not session.in_block()
        if outside and FURTHER.search(sql):
            self._observed(run, session, report, execute)
        elif outside or (first and not FURTHER.search(sql)):
            self._plain(run, report, execute)
        elif first and session.is_idle():
            self._begun_with(run, session, report, execute)
        elif not (session.autocommit or self._ended) or session.in_block():
            if self._goes_on and not TRANSACTION_COMMAND.match(sql):
                self._in_savepoint(run, session, report, execute)
            else:
                self._inside(run, session, report, execute)
        elif streamed:
            self._plain(run, report, execute)
        else:
            self._by_itself(run, session, report, execute)
        if END.match(sql):
            self._catalog = None
            self._left_behind = None
            self._ended = True

    def _count_only(
        self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None], before: dict[str, Any]
    ) -> None:
        """Execute what a loop has executed many times: looking at it each time would take longer than the loop."""
        start = time.perf_counter()
        try:
            execute()
        except Exception as error:
            self._forget()
            self._catalog = None
            report["duration_ms"] = (time.perf_counter() - start) * 1000
            report["error"], report["sqlstate"] = message_of(error), sqlstate_of(error)
            self._send(run, report)
            raise
        self._loop.count(report, session, before, (time.perf_counter() - start) * 1000)
        self._die_in_time()

    def _plain(self, run: Run, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute what needs no watching, or must not be preceded by a query: SET TRANSACTION and its like."""
        self._left_behind = None
        with self._timed(run, report):
            execute()
        self._send(run, report)

    def _begun_with(self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute a text that begins a transaction with SET TRANSACTION and goes on: look before in another one."""
        before = session.probe()
        self._known(run, session, before["pid"])
        session.rollback()
        nothing = {**before, "locks": [], "counters": [], "transaction": None}
        self._left_behind = (session.connection, nothing)
        self._inside(run, session, report, execute)

    def _inside(
        self,
        run: Run,
        session: Session,
        report: dict[str, Any],
        execute: Callable[[], None],
        *,
        ours: bool = False,
        refused: bool = False,
    ) -> None:
        """Execute a statement inside a transaction, between two looks at it; see `_watched`."""
        with self._watched(run, session, report, ours=ours, refused=refused):
            execute()

    def _in_savepoint(self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute a statement; where it fails because of rows, undo it and go on."""
        session.run(f"SAVEPOINT {_HERE}")
        try:
            self._inside(run, session, report, execute)
        except Exception as error:
            if (sqlstate_of(error) or "")[:2] not in _OF_ROWS:
                raise
            session.run(f"ROLLBACK TO SAVEPOINT {_HERE}")
            self._left_behind = None
        else:
            session.run(f"RELEASE SAVEPOINT {_HERE}")

    @contextmanager
    def _watched(
        self, run: Run, session: Session, report: dict[str, Any], *, ours: bool = False, refused: bool = False
    ) -> Iterator[None]:
        """Look at a transaction before and after what is executed in it.

        Args:
            run: The function that runs.
            session: Its connection.
            report: What is sent to the parent.
            ours: The transaction is ours, around this statement only.
            refused: Raise what a transaction forbids without a report.
        """
        left, self._left_behind = self._left_behind, None
        try:
            before = left[1] if left and left[0] is session.connection and not ours else session.probe()
        except Exception:  # noqa: BLE001 - the transaction had failed before: the statement says so itself
            before = None
        if before is None:
            with self._timed(run, report):
                yield
            self._send(run, report)
            return
        known = self._known(run, session, before["pid"])
        report["lock_timeout"] = before["lock_timeout"]
        if not ours:
            report["transaction"] = run.transaction(f"{before['pid']} {before['transaction']}")
        with self._timed(run, report, silent=_NO_TRANSACTION if refused else set()):
            yield
        try:
            after = session.probe()
            later = session.catalog(known, after["xid"]) if after["catalog"] != before["catalog"] else known
        except Exception:  # noqa: BLE001 - a COMMIT or ROLLBACK of the author's: there is nothing to look at
            self._catalog = None
            if ours:
                session.run("COMMIT")
            self._send(run, report)
            return
        if after["transaction"] != before["transaction"]:  # another one began behind our back
            before = {**before, "locks": [], "counters": []}
            report["transaction"] = None if ours else run.transaction(f"{after['pid']} {after['transaction']}")
        report["wal_bytes"] = after["wal"] - before["wal"]
        report["locks"] = taken(run.before or {}, before["locks"] or [], after["locks"] or [])
        self._compare(run, report, known, later)
        self._count(run, report, before, after)
        if after["xid"] and self._catalog is not None:
            after = self._locked.count(session, report, after, self._catalog.names, self._catalog.tables)
        self._explain(session, report, changed=known is not later)
        if ours:
            with self._timed(run, report, add=True):
                session.run("COMMIT")
        else:
            self._left_behind = (session.connection, after)
            if known is later:
                self._loop.saw(report)
        self._send(run, report)

    def _by_itself(self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute a statement that commits by itself: in a transaction of ours where the server lets us."""
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
        report["cannot_run_in_transaction"] = True
        self._observed(run, session, report, execute)

    def _observed(self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute what begins and ends transactions itself, while the parent looks at it from a second session."""
        session.value("SELECT pg_catalog.pg_stat_force_next_flush()::text")
        known = self._known(run, session, session.probe()["pid"])
        first = int(session.value(_NEXT))
        before = session.probe(PROBE_TOTAL)
        self._channel.ask("observe", pid=before["pid"], sql=report["sql"])
        failure: Exception | None = None
        start = time.perf_counter()
        try:
            execute()
        except Exception as error:  # noqa: BLE001 - raised again when it has been reported
            failure = error
            report["error"], report["sqlstate"] = message_of(error), sqlstate_of(error)
        report["duration_ms"] = (time.perf_counter() - start) * 1000
        seen = self._channel.ask("observed") or []
        with suppress(Exception):  # the author may have dropped the connection's own database
            session.value("SELECT pg_catalog.pg_stat_force_next_flush()::text")
            after = session.probe(PROBE_TOTAL)
            later = session.catalog()
            report["wal_bytes"] = after["wal"] - before["wal"]
            report["locks"] = taken(run.before or {}, [], seen)
            self._compare(run, report, known, later)
            self._count(run, report, before, after)
            inside = local_number(after["transaction"]) - local_number(before["transaction"]) - _OUR_TRANSACTIONS
            numbered = int(session.value(_NEXT)) - first
            report["most_written"] = most_written(session, later.tables, report["rows"], first, numbered, inside)
            report["used_within"] = used(report, later.tables) if runs_others(report["sql"]) else []
        self._send(run, report)
        if failure is not None:
            raise failure

    def _known(self, run: Run, session: Session, pid: int) -> Catalog:
        if self._catalog is None or self._pid != pid:
            self._catalog = session.catalog()
            self._pid = pid
        if run.before is None:
            run.before = dict(self._catalog.names)
        return self._catalog

    def _compare(self, run: Run, report: dict[str, Any], known: Catalog, later: Catalog) -> None:
        self._catalog = later
        if known is not later:
            names = {**later.names, **known.names, **(run.before or {})}
            report["rewritten"] = sorted(names[oid] for oid in known.rewritten(later))
            built = known.built(later)
            report["indexes_built"] = sorted(later.names[oid] for oid in built)
            tables = {oid: names.get(later.table_of(oid)) for oid in built}  # none of an extension's tables
            report["built_on"] = {later.names[oid]: table for oid, table in tables.items() if table}
            report.update(known.changes(later))

    def _count(self, run: Run, report: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
        names = {**(self._catalog.names if self._catalog else {}), **(run.before or {})}
        report["scanned"], report["rows"] = counted(names, before["counters"] or [], after["counters"] or [])

    def _explain(self, session: Session, report: dict[str, Any], *, changed: bool) -> None:
        """Ask for the plan of a statement that found no row."""
        if self._asked is not None and not changed:
            wrote = bool(report["rows"] or report.get("locked"))
            report["plan"] = self._asked.plan(session, report["sql"], wrote=wrote)
        tables = used(report, self._catalog.tables) if self._catalog is not None else []
        if tables and self._asked is not None and self._asked.hides_tables(session, report["sql"]):
            report["used_within"] = tables

    @contextmanager
    def _timed(
        self, run: Run, report: dict[str, Any], *, add: bool = False, silent: set[str] | None = None
    ) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._catalog = None
            if sqlstate_of(error) not in (silent or set()):
                report["duration_ms"] = (time.perf_counter() - start) * 1000
                report["error"], report["sqlstate"] = message_of(error), sqlstate_of(error)
                self._send(run, report)
            raise
        spent = (time.perf_counter() - start) * 1000
        report["duration_ms"] = report["duration_ms"] + spent if add else spent

    def _send(self, run: Run, report: dict[str, Any]) -> None:
        self._channel.send("statement", revision=run.revision, direction=run.direction, **report)
        self._die_in_time()

    def _die_in_time(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
