"""Reads the reports of the agent, line by line."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from adapter.outbound.migration.project.agent.lines import decode, encode_answer
from adapter.outbound.migration.project.agent.protocol import (
    Begin,
    Compared,
    Done,
    End,
    Error,
    Event,
    Exited,
    Failed,
    Failure,
    Models,
    Problem,
    Rest,
    Revision,
    Session,
    Statement,
    VersionTable,
    Wanted,
)
from adapter.outbound.migration.project.agent.questions import (
    Asked,
    Observe,
    Observed,
    Question,
    RowLocks,
    Started,
    Stepped,
)
from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.project.event_order import EventOrder
from adapter.outbound.migration.project.event_shapes import has_shape
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.observer import Observer
from adapter.outbound.migration.project.results import AgentError, AgentResult, AgentRun, ListedRevision
from adapter.outbound.migration.project.row_locker import RowLocker
from adapter.outbound.migration.project.sleep_watch import SleepWatch
from adapter.outbound.migration.project.statements import statement_trace, unseen_only, with_locked
from adapter.outbound.postgres.redaction import redact, without_quotes
from domain.migration.locks import LockMode
from domain.migration.one_line import in_one_line
from domain.migration.status import Drift
from domain.migration.trace import StatementTrace, fold
from domain.wording import readable

_POLL = 0.001  # seconds between two looks at the locks of a statement
_FORGED_BYTES = 1 << 16  # of a line without the token: longer ones are not kept
_LOOP_BODY = 6  # last statements of a function, among which the statement of an endless loop is looked for
_LOOP_RUNS = 20  # a statement that ran at least so often is in a loop
_QUOTED_CHARACTERS = 80  # of a statement that a message quotes


class EventReader:
    """Reads the events of a job until it has ended, has died, or its time is over, or until one is not the agent's.

    Attributes:
        done: Whether the job has come to its end.
        forged: Whether an event was not the agent's: nothing is known of what the project has done then.
        deadline: When its time is over, as `time.monotonic` counts.
        sessions: The server's processes for the connections on which revisions run on a real database.
    """

    def __init__(
        self,
        job: AgentJob,
        token: str,
        process: AgentProcess,
        deadline: float,
        stepped: Callable[[str, str], bool] = lambda *_: True,
        asked: Callable[[str, str], Mapping[str, str] | None] = lambda *_: None,
    ) -> None:
        """Prepare to read.

        Args:
            job: The job.
            token: What each line of the agent begins with.
            process: The agent.
            deadline: When its time is over, as `time.monotonic` counts.
            stepped: Returns whether to continue after a step of `Command.STAIRS`: a revision and a direction.
            asked: Returns the settings of the session of a statement of `Command.DEPLOY`, which has a lock timeout;
                None to end its revision there.
        """
        self.done = False
        self.forged = False
        self._job = job
        self._token = token
        self._process = process
        self.deadline = deadline
        self._time_limit = deadline - time.monotonic()
        self._stepped = stepped
        self._asked = asked
        self._order = EventOrder(job)
        self._unread = b""
        self._facts = AgentResult()  # as far as they are known; the runs and the error are kept apart
        self._runs: list[AgentRun] = []
        self._statements: list[StatementTrace] = []
        self._error: AgentError | None = None
        self._exit_code: int | None = None
        self.sessions: tuple[int, ...] = ()
        self._timed_out = False
        self._killed = False
        self._has_secret = False  # whether the last statement has one
        self._observer: Observer | None = None
        self._observations = 0
        self._watch = SleepWatch(job.connection)
        self._locker: RowLocker | None = None
        self._own_sessions = 0  # that were begun in the database while a function runs

    @property
    def exited(self) -> bool:
        """Whether the job's process has ended, so that the agent waits for the next job."""
        return self._exit_code is not None

    def read(self) -> None:
        """Read all of it, up to the end of the job's process, or to the first line that is not the agent's."""
        while self._exit_code is None and not self.forged:
            seconds = _POLL if self._observer else max(0.0, min(self._seconds(), self.deadline - time.monotonic()))
            data = self._process.read(seconds)
            if time.monotonic() >= self.deadline:
                self._timed_out = True
                return
            if data is None:
                self._look()
                continue
            if not data:
                return
            *lines, self._unread = (self._unread + data).split(b"\n")
            for line in lines:
                if not self.forged:
                    self._read_line(line)
            if len(self._unread) > _FORGED_BYTES and not self._unread.startswith(self._token.encode()):
                self.forged = True
            if self._observer is None and self._seconds() <= 0:
                self._look()

    def _seconds(self) -> float:
        """Return how long to wait for the next event before a look at the server."""
        return self._watch.seconds if self._is_traced() else math.inf

    def _is_traced(self) -> bool:
        return self._job.trace and bool(self._runs) and not self._runs[-1].finished

    def _look(self) -> None:
        """Look at the locks of an observed statement, and kill the job in the midst of it when the job wants that."""
        if self._observer is None:
            if self._is_traced():
                self._watch.look()
            return
        hold = self._observations == self._job.kill_during
        self._observer.look(hold=hold)
        if hold and self._observer.is_under_way:
            self._observer.end_observed()
            self.close()
            self._killed = True
            self._process.kill_job()

    def close(self) -> None:
        """End the sessions that observe a statement."""
        self._watch.close()
        self._close_locker()
        self._close_observer()

    def _row_locks(self) -> RowLocker:
        if self._locker is None:
            self._locker = RowLocker(self._job.connection)
            self._own_sessions += 1
        return self._locker

    def _close_locker(self) -> None:
        if self._locker is not None:
            self._locker.close()
            self._locker = None

    def _close_observer(self) -> None:
        if self._observer:
            self._observer.close()
            self._observer = None

    def result(self, output: str) -> AgentResult:
        """Return the result of the job.

        Args:
            output: The output of the project during the job.
        """
        self._finish_run(None, finished=False)
        error = self._error
        if self.forged:
            self._reopen_run()
            error = AgentError("its code wrote into the pipe through which its statements are reported", "forged")
        elif self._timed_out:
            error = AgentError(f"it did not end within {self._time_limit:.0f} s{self._endless_loop()}", "timeout")
        elif not self.done:
            error = AgentError(f"the process ended with code {self._exit_code} and no report", "died")
        return replace(self._facts, runs=tuple(self._runs), error=error, output=output)

    def _endless_loop(self) -> str:
        """Return the part of the message on a timeout that describes an endless loop; empty without a loop."""
        statements = self._runs[-1].statements if self._runs else ()
        repeated = max(statements[-_LOOP_BODY:], key=lambda statement: statement.count, default=None)
        if repeated is None or repeated.count < _LOOP_RUNS:
            return ""
        place = f"line {repeated.line}, " if repeated.line else ""
        return (
            f": the loop at {place}had run {in_one_line(repeated.sql, _QUOTED_CHARACTERS)} {repeated.count:,} times,"
            " with no end in sight"
        )

    def _read_line(self, line: bytes) -> None:
        """Read an event.

        What the project has written before it, or as one of its own, is no event of the agent; neither is one with
        other fields, or in another place, than those that the agent writes.
        """
        try:
            event = decode(line, self._token)
            self.forged = not has_shape(event)
            if not self.forged:
                self.forged = not self._order.allows(event)
                if not self.forged or isinstance(event, Statement):  # what was done counts all the same
                    self._handle(event)
        except (ValueError, TypeError, RecursionError):
            self.forged = True

    def _handle(self, event: Event) -> None:  # noqa: C901, PLR0912 - one case for each kind of event
        match event:
            case Observe() | Observed() | RowLocks() | Stepped() | Started() | Asked():
                self._answer(self._answer_to(event))
            case Statement():
                self._statements.append(replace(statement_trace(event), slept_ms=self._watch.take()))
                self._has_secret = self._statements[-1].sql != event.sql
            case Rest():
                if event.locked and self._statements:
                    self._statements[-1] = with_locked(self._statements[-1], event.locked)
                self._runs[-1] = replace(
                    self._runs[-1],
                    unseen_locks={name: LockMode.parse(mode) for name, mode in event.locks.items()},
                    unseen_sessions=max(0, event.sessions - self._own_sessions),
                    waited_ms=event.waited_ms,
                )
            case Begin():
                self._finish_run(None, finished=False)
                self._own_sessions = 0
                self._watch.begin()
                self._runs.append(AgentRun(event.revision, event.direction))
            case End():
                self._finish_run(None, finished=True)
            case Failed():
                self._finish_run(self._error_of(event), finished=True)
            case Revision():
                self._add_facts(revisions=(*self._facts.revisions, _listed_revision(event)))
            case Problem():
                self._add_facts(problems=(*self._facts.problems, _reported_error(event)))
            case Error():
                # a connection to another server is the cause of every error after it
                if self._error is None or self._error.kind != "elsewhere":
                    self._error = self._error_of(event)
            case VersionTable():
                self._add_facts(
                    version_tables=tuple(event.names),
                    one_transaction=event.one_transaction,
                    configured_at=(event.path, event.line) if event.path else None,
                )
            case Models():
                self._add_facts(
                    models=event.has_models, only_there=tuple((kind, name) for kind, name in event.only_there)
                )
            case Compared():
                differences = None if event.differences is None else tuple(event.differences)
                drift = Drift(differences, unread=tuple(event.unread))
                self._add_facts(drift=drift, needs_pgvector=event.needs_pgvector)
            case Session():
                self.sessions += (event.pid,)
            case Wanted():
                self._add_facts(addresses=tuple(event.addresses), variables=tuple(event.variables))
            case Exited():
                self._exit_code = event.code
                self.forged = self._process.has_job
            case Done():
                self.done = True

    def _answer_to(self, question: Question) -> Any:
        match question:
            case Observe():
                self._observations += 1
                self._observer = Observer.start(self._job.connection, question.pid, question.sql)
                self._own_sessions += self._observer.sessions if self._observer else 0
            case Observed():
                locks = self._observer.locks() if self._observer else []
                self._close_observer()
                return locks
            case RowLocks():
                return self._row_locks().count(question.tables)
            case Stepped():
                return self._stepped(question.revision, question.direction)
            case Asked():
                return self._asked(question.sql, question.lock_timeout)
            case Started():
                self.forged = not self._process.adopt_job(question.pid)
                if self._job.trace:
                    self._watch.open()
        return None

    def _add_facts(self, **facts: Any) -> None:
        self._facts = replace(self._facts, **facts)

    def _error_of(self, failure: Failure) -> AgentError:
        """Return a reported error, without quotes when the last statement has a password that the server may quote."""
        error = _reported_error(failure)
        return replace(error, message=without_quotes(error.message), traceback="") if self._has_secret else error

    def _finish_run(self, error: AgentError | None, *, finished: bool) -> None:
        self._close_locker()
        if self._runs and not self._runs[-1].finished:
            self._runs[-1] = replace(
                self._runs[-1], statements=fold(unseen_only(self._statements)), error=error, finished=finished
            )
            self._statements = []

    def _reopen_run(self) -> None:
        """Count what was executed behind a forged end as a part of the function that it was to end."""
        if self._runs and self._statements:
            statements = (*self._runs[-1].statements, *self._statements)
            self._runs[-1] = replace(self._runs[-1], statements=statements, finished=False)

    def _answer(self, value: object) -> None:
        if not self._killed:  # nobody would read it, and the next job would
            self._process.answer(encode_answer(value))


def _reported_error(failure: Failure) -> AgentError:
    return AgentError(
        readable(redact(failure.error)),
        failure.kind,
        failure.type,
        failure.sqlstate,
        failure.path,
        failure.line,
        redact(failure.traceback),
        failure.exit_code,
        failure.raised,
    )


def _listed_revision(listed: Revision) -> ListedRevision:
    return ListedRevision(
        revision=listed.revision,
        down_revision=tuple(listed.down_revision),
        depends_on=tuple(listed.depends_on),
        path=listed.path,
        message=listed.message,
        docstring=listed.docstring,
        branch_labels=tuple(listed.branch_labels),
        is_head=listed.is_head,
        safety_assured=listed.safety_assured,
        lossy_downgrade=listed.lossy_downgrade,
        irreversible=listed.irreversible,
    )
