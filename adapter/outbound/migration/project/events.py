"""Reads what the agent reports, line by line."""

import json
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import IO, Any

from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.observer import Observer
from adapter.outbound.migration.project.results import AgentError, AgentResult, AgentRun, ListedRevision
from adapter.outbound.migration.project.statements import statement_trace, unseen_only
from adapter.outbound.postgres.redaction import redact, without_quotes
from domain.migration.one_line import in_one_line
from domain.migration.trace import StatementTrace, fold
from domain.wording import readable

_POLL = 0.001  # seconds between two looks at the locks of a statement
_FORGED_BYTES = 1 << 16
_BODY = 6  # statements in a loop's body
_REPEATED = 20  # times that make a loop
_WORDS = 80  # letters of a statement that a message quotes


class EventReader:
    """Reads the agent's lines until it has done, has died, or its time is over."""

    def __init__(
        self,
        job: AgentJob,
        token: str,
        events: int,
        answers: IO[str],
        deadline: float,
        stepped: Callable[[str, str], bool],
    ) -> None:
        self._token = token.encode()
        self._forged = False
        self._stepped = stepped
        self._seconds = deadline - time.monotonic()
        self.done = False
        self.pid: int | None = None
        self.deadline = deadline
        self._code: int | None = None
        self._job = job
        self._events = events
        self._answers = answers
        self._rest = b""
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
        self._late = False
        self._has_secret = False  # the last statement
        self._observations = 0

    @property
    def exited(self) -> bool:
        """Whether the agent has seen the job's process end, and waits for the next job."""
        return self._code is not None

    def read(self) -> None:
        """Read all of it, up to the end of the job's process."""
        while self._code is None:
            wait = _POLL if self._observer else max(0.0, self.deadline - time.monotonic())
            ready, _, _ = select.select([self._events], [], [], wait)
            if time.monotonic() >= self.deadline:
                self._late = True
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
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._read_line(line)
            if len(self._rest) > _FORGED_BYTES and not self._rest.startswith(self._token):
                self._forged, self._rest = True, self._rest[-len(self._token) :]  # no line of ours is in there

    def close(self) -> None:
        """Let go of the second sessions."""
        if self._observer:
            self._observer.close()
            self._observer = None

    def result(self, output: str) -> AgentResult:
        """Return what was read."""
        self._finish_run(None, finished=False)
        error = self._error
        if self._forged:
            error = AgentError("its code wrote into the pipe through which its statements are reported", "forged")
        elif self._late:
            error = AgentError(f"it did not end within {self._seconds:.0f} s{self._repeated()}", "timeout")
        elif not self.done:
            error = AgentError(f"the process ended with code {self._code} and no report", "died")
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

    def _repeated(self) -> str:
        """Return what a function was repeating when its time was over; empty where that was nothing."""
        statements = self._runs[-1].statements if self._runs else ()
        last = max(statements[-_BODY:], key=lambda one: one.count, default=None)
        if last is None or last.count < _REPEATED:
            return ""
        place = f"line {last.line}, " if last.line else ""
        return (
            f": the loop at {place}had run {in_one_line(last.sql, _WORDS)} {last.count:,} times, with no end in sight"
        )

    def _read_line(self, line: bytes) -> None:
        """Take a line of the agent's; what the project has written before it, or as one of its own, is no report."""
        strange, token, report = line.rpartition(self._token)
        if strange or not token:
            self._forged = True
        if token:
            try:
                self._take(json.loads(report))
            except ValueError:  # the project wrote into the middle of it
                self._forged = True

    def _take(self, message: dict[str, Any]) -> None:  # noqa: C901, PLR0912 - one case for each kind of line
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
                self._revisions.append(_listed(message))
            case "problem":
                self._problems.append(_error(message))
            case "observe":
                self._observations += 1
                self._observer = Observer.start(self._job.connection, message["pid"], message["sql"])
                self._answer(None)
            case "observed":
                seen = self._observer.seen() if self._observer else []
                self.close()
                self._answer(seen)
            case "stepped":
                self._answer("on" if self._stepped(message["revision"], message["direction"]) else "stop")
            case "error":
                # that a connection went elsewhere is why all else failed
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
                self.pid = message["pid"]
            case "exited":
                self._code = message["code"]
            case "done":
                self.done = True

    def _read_error(self, message: Mapping[str, Any]) -> AgentError:
        """Read an error; of a statement with a password, a server may quote the password."""
        error = _error(message)
        return replace(error, message=without_quotes(error.message), traceback="") if self._has_secret else error

    def _kill(self) -> None:
        self.close()
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def _finish_run(self, error: AgentError | None, *, finished: bool) -> None:
        if self._runs and not self._runs[-1].finished:
            self._runs[-1] = replace(
                self._runs[-1], statements=fold(unseen_only(self._statements)), error=error, finished=finished
            )
            self._statements = []

    def _answer(self, value: Any) -> None:
        with suppress(BrokenPipeError):
            self._answers.write(json.dumps(value) + "\n")
            self._answers.flush()


def _error(message: Mapping[str, Any]) -> AgentError:
    return AgentError(
        readable(redact(message["error"])),
        message["kind"],
        message.get("type", ""),
        message.get("sqlstate"),
        message.get("path"),
        message.get("line"),
        redact(message.get("traceback", "")),
    )


def _listed(message: Mapping[str, Any]) -> ListedRevision:
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
