"""Executes the statements of a revision in place of SQLAlchemy and the drivers, and reports what each of them did."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

from .failures import sqlstate_of
from .interceptor import Interceptor
from .measuring import Meter
from .origin import is_of_revision
from .plans import FURTHER
from .protocol import Rest
from .run import Run
from .session import Session
from .transactions import END, SAVEPOINT, SET_TRANSACTION, TRANSACTION_COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from .channel import Channel
    from .plans import DriverStatement
    from .protocol import Statement
    from .questions import Direction
    from .redirect import Sandbox


_NO_TRANSACTION = {"25001", "2D000"}  # cannot run inside a transaction block; cannot commit in it
# Classes of errors: cardinality violation, data exception, constraint violation, program limits, errors of PL/pgSQL.
_OF_ROWS = {"21", "22", "23", "54", "P0"}
_ROW_ERROR_SAVEPOINT = "hexalembic_goes_on"


class Tracer(Interceptor):
    """An executor of a revision's statements that probes the transaction before and after each of them."""

    def __init__(self, channel: Channel, sandbox: Sandbox, kill_after: int = 0, *, goes_on: bool = False) -> None:
        self._channel = channel
        self._sandbox = sandbox
        self._meter = Meter(channel, kill_after)
        self._goes_on = goes_on
        self._run: Run | None = None
        self._is_tracing = False  # whether a statement is being traced: the queries of the tracer itself are not
        # The revision has ended the transaction by a statement: some drivers do not notice, and begin no other one.
        self._is_ended = False

    def transaction_ended(self, *, undone: bool = False) -> None:
        """Forget the state of the transaction, and the catalog when a part of the transaction was rolled back."""
        was_tracing, self._is_tracing = self._is_tracing, True
        if self._run is not None:
            self._meter.end_loop(self._run)
        self._is_tracing = was_tracing
        self._meter.forget_probe()
        if undone:
            self._meter.forget_catalog()

    @contextmanager
    def running(self, revision: str, direction: Direction, path: str, bind: Any) -> Iterator[None]:
        """Trace the statements of an upgrade or downgrade function, which runs inside the block.

        Args:
            revision: ID of its revision.
            direction: Which of its functions it is.
            path: Path of the revision's file.
            bind: SQLAlchemy's connection that the function is run with.
        """
        connection = bind.connection
        session = Session(getattr(connection, "dbapi_connection", None) or connection)
        self._is_ended = False
        self._meter.begin()
        before = self._begun_elsewhere(session)
        with suppress(Exception):  # likewise
            if not session.autocommit and not session.is_idle():
                self._meter.know(session.probe())
        self._run = run = Run(revision, direction, path)
        try:
            yield
            run.pauses.end()
            self.transaction_ended()
            self._report_rest(run, session, before)
        finally:
            self.transaction_ended()
            self._run = None
            run.pauses.close()

    def _begun_elsewhere(self, session: Session) -> int | None:
        """Return how many sessions the database has had, without those of this process; None if it does not say."""
        with suppress(Exception):  # the transaction has failed, as the first statement will say
            return session.begun_sessions() - self._sandbox.opened
        return None

    def _report_rest(self, run: Run, session: Session, before: int | None) -> None:
        """Report what a function has done that none of its statements shows."""
        was_tracing, self._is_tracing = self._is_tracing, True
        waited, sessions = 0.0, 0
        locks, locked = run.unseen_locks, dict[str, int]()
        with suppress(Exception):  # it has closed the connection, or its transaction has failed
            if not session.autocommit and not session.is_idle():
                waited = run.pauses.take()
                locks, locked = self._meter.unseen_locks(run, session)
            after = self._begun_elsewhere(session)
            sessions = 0 if before is None or after is None else max(0, after - before)
        self._is_tracing = was_tracing
        if waited or locks or locked or sessions:
            self._channel.send(Rest(run.revision, run.direction, locks, locked, sessions, waited))

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
            self.transaction_ended(undone=True)
            return False
        connection = context.root_connection.connection
        session = Session(getattr(connection, "dbapi_connection", None) or connection.connection)
        self._is_tracing, self._meter.statement = True, driver_statement
        run.pauses.end()
        try:
            report = run.report_of(statement)
            self._trace(run, session, report, execute, streamed=bool(getattr(context, "_is_server_side", False)))
        finally:
            self._is_tracing, self._meter.statement = False, None
            run.pauses.begin()
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
            self.transaction_ended(undone=True)
            return False
        self._is_tracing, self._meter.statement = True, driver_statement
        run.pauses.end()
        try:
            self._trace(run, Session(connection), run.report_of(statement), execute, streamed=False)
        finally:
            self._is_tracing, self._meter.statement = False, None
            run.pauses.begin()
        return True

    @contextmanager
    def around_copy(self, statement: str, connection: Any) -> Iterator[None]:
        """Trace a COPY; the revision sends or reads its rows inside the block."""
        run, session = self._run, Session(connection)
        if run is None or self._is_tracing:
            yield
            return
        self._is_tracing = True
        try:
            self._meter.end_loop(run)
            ours = session.autocommit and not session.in_block()
            transaction = self._own_transaction(session) if ours else nullcontext()
            with transaction, self._meter.measured(run, session, run.report_of(statement), ours=ours):
                yield
        finally:
            self._is_tracing = False

    def _trace(
        self, run: Run, session: Session, report: Statement, execute: Callable[[], None], *, streamed: bool
    ) -> None:
        sql = report.sql
        if self._meter.is_in_loop(session, report) and not self._is_ended:
            self._meter.count_only(run, session, report, execute)
            return
        self._meter.end_loop(run)
        report.waited_ms = run.pauses.take()
        sets_transaction = SET_TRANSACTION.match(sql)
        is_outside = session.autocommit and TRANSACTION_COMMAND.match(sql) and not session.in_block()
        if is_outside and FURTHER.search(sql):
            self._meter.observed(run, session, report, execute)
        elif is_outside or (sets_transaction and not FURTHER.search(sql)):
            self._meter.unmeasured(report, execute)
        elif sets_transaction and session.is_idle():
            self._with_set_transaction(run, session, report, execute)
        elif not (session.autocommit or self._is_ended) or session.in_block():
            if self._goes_on and not TRANSACTION_COMMAND.match(sql):
                self._in_savepoint(run, session, report, execute)
            else:
                self._inside(run, session, report, execute)
        elif streamed:
            self._meter.unmeasured(report, execute)
        else:
            self._autocommitted(run, session, report, execute)
        if END.match(sql):
            self._meter.forget_catalog()
            self._meter.forget_probe()
            self._is_ended = True

    def _with_set_transaction(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a text with SET TRANSACTION and further statements, and probe before it in another transaction.

        No query may precede SET TRANSACTION in its own transaction.
        """
        before = session.probe()
        self._meter.known_catalog(run, session, before["pid"])
        session.rollback()
        self._meter.assume(session, {**before, "locks": [], "counters": [], "transaction": None})
        self._inside(run, session, report, execute)

    def _inside(
        self,
        run: Run,
        session: Session,
        report: Statement,
        execute: Callable[[], None],
        *,
        ours: bool = False,
        refused: Collection[str] = (),
    ) -> None:
        """Execute a statement inside a transaction, between two probes of it; see `Meter.measured`."""
        with self._meter.measured(run, session, report, ours=ours, refused=refused):
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
            self._meter.forget_probe()
        else:
            session.run(f"RELEASE SAVEPOINT {_ROW_ERROR_SAVEPOINT}")

    @contextmanager
    def _own_transaction(self, session: Session) -> Iterator[None]:
        """Begin a transaction of the tracer, which the block commits; roll it back when the block fails."""
        session.run("BEGIN")
        try:
            yield
        except Exception:
            self._meter.forget_catalog()
            with suppress(Exception):
                session.run("ROLLBACK")
            raise

    def _autocommitted(self, run: Run, session: Session, report: Statement, execute: Callable[[], None]) -> None:
        """Execute a statement that commits on its own, in a transaction of the tracer when the server allows that."""
        try:
            with self._own_transaction(session):
                self._inside(run, session, report, execute, ours=True, refused=_NO_TRANSACTION)
        except Exception as error:
            if sqlstate_of(error) not in _NO_TRANSACTION:
                raise
        else:
            return
        report.cannot_run_in_transaction = True
        self._meter.observed(run, session, report, execute)
