"""Reads the reports of the agent, line by line."""

import json
import os
import select
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from adapter.outbound.migration.project.event_order import EventOrder
from adapter.outbound.migration.project.event_shapes import has_shape
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.observer import Observer
from adapter.outbound.migration.project.process_group import ProcessGroup, group_led_by
from adapter.outbound.migration.project.results import AgentError, AgentResult, AgentRun, ListedRevision
from adapter.outbound.migration.project.statements import statement_trace, unseen_only
from adapter.outbound.postgres.redaction import redact, without_quotes
from domain.migration.one_line import in_one_line
from domain.migration.trace import StatementTrace, fold
from domain.wording import readable

_POLL = 0.001  # seconds between two looks at the locks of a statement
_FORGED_BYTES = 1 << 16  # of a line without the token: longer ones are not kept
_LOOP_BODY = 6  # last statements of a function, among which the statement of an endless loop is looked for
_LOOP_RUNS = 20  # a statement that ran at least so often is in a loop
_QUOTED_CHARACTERS = 80  # of a statement that a message quotes


class EventReader:
    """Reads the agent's lines until it has done, has died, or its time is over, or until a line is not the agent's.

    Attributes:
        done: Whether the job has come to its end.
        forged: Whether a line was not the agent's: nothing is known of what the project has done then.
        group: The processes of the job, once they have started; the kernel says that they are the agent's.
    """

    def __init__(
        self,
        job: AgentJob,
        token: str,
        agent: int,
        events: int,
        answers: IO[str],
        deadline: float,
        stepped: Callable[[str, str], bool],
    ) -> None:
        self._token = token.encode()
        self._agent = agent
        self._order = EventOrder(job)
        self.forged = False
        self._killed = False
        self._stepped = stepped
        self._time_limit = deadline - time.monotonic()
        self.done = False
        self.group: ProcessGroup | None = None
        self.deadline = deadline
        self._exit_code: int | None = None
        self._job = job
        self._events = events
        self._answers = answers
        self._unread = b""
        self._runs: list[AgentRun] = []
        self._statements: list[StatementTrace] = []
        self._revisions: list[ListedRevision] = []
        self._problems: list[AgentError] = []
        self._error: AgentError | None = None
        self._observer: Observer | None = None
        self._addresses: tuple[str, ...] = ()
        self._variables: tuple[str, ...] = ()
        self._version_tables: tuple[str, ...] = ()
        self._one_transaction = ""
        self._configured_at: tuple[str, int] | None = None
        self._models = False
        self._only_there: tuple[tuple[str, str], ...] = ()
        self._timed_out = False
        self._has_secret = False  # whether the last statement has one
        self._observations = 0

    @property
    def exited(self) -> bool:
        """Whether the job's process has ended, so that the agent waits for the next job."""
        return self._exit_code is not None

    def read(self) -> None:
        """Read all of it, up to the end of the job's process, or to the first line that is not the agent's."""
        while self._exit_code is None and not self.forged:
            seconds = _POLL if self._observer else max(0.0, self.deadline - time.monotonic())
            ready, _, _ = select.select([self._events], [], [], seconds)
            if time.monotonic() >= self.deadline:
                self._timed_out = True
                return
            if not ready:
                if self._observer:
                    hold = self._observations == self._job.kill_during
                    self._observer.look(hold=hold)
                    if hold and self._observer.is_under_way:
                        self._observer.end_observed()
                        self._kill()
                continue
            data = os.read(self._events, 1 << 16)
            if not data:
                return
            *lines, self._unread = (self._unread + data).split(b"\n")
            for line in lines:
                if not self.forged:
                    self._read_line(line)
            if len(self._unread) > _FORGED_BYTES and not self._unread.startswith(self._token):
                self.forged = True

    def close(self) -> None:
        """End the sessions that observe a statement."""
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
        return AgentResult(
            tuple(self._runs),
            tuple(self._revisions),
            tuple(self._problems),
            error,
            output,
            self._addresses,
            self._variables,
            self._version_tables,
            self._one_transaction,
            self._configured_at,
            self._models,
            self._only_there,
        )

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
        """Take a line of the agent's.

        What the project has written before it, or as one of its own, is no report; neither is a line of another shape,
        or in another place, than those that the agent writes.
        """
        strange, token, report = line.rpartition(self._token)
        try:
            message: Any = _read_json(report) if token and not strange else None
            shaped = has_shape(message)
            self.forged = not (shaped and self._order.allows(message))
            if not self.forged or (shaped and message["event"] == "statement"):  # what was done counts all the same
                self._handle(message)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.forged = True

    def _handle(self, message: dict[str, Any]) -> None:  # noqa: C901, PLR0912 - one case for each kind of line
        match message["event"]:
            case "statement":
                self._statements.append(statement_trace(message))
                self._has_secret = self._statements[-1].sql != message["sql"]
            case "begin":
                self._finish_run(None, finished=False)
                self._runs.append(AgentRun(message["revision"], message["direction"]))
            case "end":
                self._finish_run(self._read_error(message) if message["error"] is not None else None, finished=True)
            case "revision":
                self._revisions.append(_listed_revision(message))
            case "problem":
                self._problems.append(_reported_error(message))
            case "observe":
                self._observations += 1
                self._observer = Observer.start(self._job.connection, message["pid"], message["sql"])
                self._answer(None)
            case "observed":
                locks = self._observer.seen() if self._observer else []
                self.close()
                self._answer(locks)
            case "stepped":
                self._answer("on" if self._stepped(message["revision"], message["direction"]) else "stop")
            case "error":
                # a connection to another server is the cause of every error after it
                if self._error is None or self._error.kind != "elsewhere":
                    self._error = self._read_error(message)
            case "version_table":
                self._version_tables = tuple(message["names"])
                self._one_transaction = message["one_transaction"]
                self._configured_at = (message["path"], message["line"]) if message["path"] else None
            case "models":
                self._models = message["found"]
                self._only_there = tuple((kind, name) for kind, name in message["only_there"])
            case "wanted":
                self._addresses, self._variables = tuple(message["addresses"]), tuple(message["variables"])
            case "started":
                self.group = group_led_by(message["pid"], self._agent)
                self.forged = self.group is None
                self._answer(None)
            case "exited":
                self._exit_code = message["code"]
                self.forged = self.group is not None and self.group.has_leader
            case "done":
                self.done = True

    def _read_error(self, message: Mapping[str, Any]) -> AgentError:
        """Return a reported error, without quotes when the last statement has a password that the server may quote."""
        error = _reported_error(message)
        return replace(error, message=without_quotes(error.message), traceback="") if self._has_secret else error

    def _kill(self) -> None:
        self.close()
        self._killed = True
        if self.group is not None:
            self.group.kill_leader()

    def _finish_run(self, error: AgentError | None, *, finished: bool) -> None:
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

    def _answer(self, value: Any) -> None:
        if self._killed:  # nobody reads it, and the next job would
            return
        with suppress(BrokenPipeError):
            self._answers.write(json.dumps(value) + "\n")
            self._answers.flush()


def _read_json(line: bytes) -> Any:
    """Read a line; half a character, which Python's strings may have and no report can be written with, becomes `?`."""
    value = json.loads(line)
    if b"\\ud" not in line:
        return value
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _reported_error(message: Mapping[str, Any]) -> AgentError:
    return AgentError(
        readable(redact(message["error"])),
        message["kind"],
        message.get("type", ""),
        message.get("sqlstate"),
        message.get("path"),
        message.get("line"),
        redact(message.get("traceback", "")),
    )


def _listed_revision(message: Mapping[str, Any]) -> ListedRevision:
    return ListedRevision(
        revision=message["revision"],
        down_revision=tuple(message["down_revision"]),
        depends_on=tuple(message["depends_on"]),
        path=message["path"],
        message=message["message"],
        docstring=message["docstring"],
        branch_labels=tuple(message["branch_labels"]),
        is_head=message["is_head"],
        safety_assured=message["safety_assured"],
        lossy_downgrade=message["lossy_downgrade"],
        irreversible=message["irreversible"],
    )
