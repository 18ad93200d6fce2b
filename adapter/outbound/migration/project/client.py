"""Runs the agent in a project's own Python, and reads what it reports.

The agent (`agent/`) is a child process in a process group of its own. This side limits its time, and lends it a
second session for statements that no transaction may hold: `CREATE INDEX CONCURRENTLY` and its like.
"""

import json
import os
import secrets
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import psycopg

from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.rows.sought import looks_for_rows
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import redact, without_quotes
from domain.migration.locks import LockMode
from domain.migration.trace import ChangedObject, RowCounts, StatementTrace, fold
from domain.wording import readable

UNWALLED = "run it where user processes may set up seccomp filters, or go on without isolation: --no-isolation"
if TYPE_CHECKING:
    from adapter.outbound.migration.sandbox.relay import Relay

TIMEOUT = 300.0  # seconds that one run of the agent may take
_POLL = 0.001  # seconds between two looks at the locks of a statement
_FORGED_BYTES = 1 << 16
_BODY = 6  # statements in a loop's body
_REPEATED = 20  # times that make a loop
_WORDS = 80  # letters of a statement that a message quotes
_NAMED = 10  # tables of a statement that are locked one by one
_BLOCKER_TIMEOUT = "500ms"

# All that a statement may be about; LOCK TABLE takes no materialized views.
_TABLES = r"""
SELECT relname, format('%I.%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY nspname, relname
"""
_LOCKS = """
SELECT relation::bigint, mode FROM pg_locks
WHERE pid = %s AND locktype = 'relation' AND relation::bigint >= 16384
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@dataclass(frozen=True)
class Connection:
    """Address of the sandbox database.

    Attributes:
        host: Host name, or the directory of the Unix socket.
        port: TCP port, or what names the socket.
        user: Role.
        password: Its password, None where none is asked for.
        dbname: Database.
        parameters: All that libpq was told, such as `sslmode`.
    """

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    dbname: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is a Unix socket."""
        return self.host.startswith("/")

    @classmethod
    def parse(cls, url: str) -> "Connection":
        """Read a URL in libpq's form."""
        parts = psycopg.conninfo.conninfo_to_dict(url)
        return cls(
            host=str(parts.get("host") or "localhost"),
            port=int(parts.get("port") or 5432),
            user=str(parts.get("user") or "postgres"),
            password=None if parts.get("password") is None else str(parts["password"]),
            dbname=str(parts.get("dbname") or "postgres"),
            parameters={name: str(value) for name, value in parts.items() if value is not None},
        )

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Open a session."""
        address: dict[str, Any] = {**self.parameters, "password": self.password, "dbname": self.dbname}
        address |= {"host": self.host, "port": self.port, "user": self.user}
        return psycopg.connect(**{**address, "application_name": "hexalembic-observer"}, autocommit=autocommit)


@dataclass(frozen=True)
class AgentJob:
    """What the agent is to do.

    Attributes:
        config: The project's `alembic.ini` or `pyproject.toml`.
        connection: The sandbox database; every Postgres connection of the project ends there.
        command: `revisions` (the history; afterwards env.py runs without any revision), `setup` (a function of the
            project's), `upgrade`, `downgrade` (both to a target), `undo` (the downgrade of one revision), `stairs`
            (single steps on one connection), `env` (env.py without any revision), `models` (creates them),
            `only_there` (what only the database has), or `check` (models, as `alembic check`).
        revision: Target of the command, as Alembic writes targets; for `undo` a revision's id, for `setup` a
            `module:function`.
        cwd: Directory to run in; the folder of `config` where it is None.
        trace: Whether to trace statements.
        environment: Variables for the project. A value of `""` stands for the sandbox's URL, one such as
            `postgresql+asyncpg` for that URL with that scheme.
        x_arguments: What `alembic -x` would be given.
        name: Section of `config`.
        statement_timeout_ms: After how many milliseconds the server cancels a statement; 0 for never.
        goes_on: A traced statement that fails because of rows is undone, and the revision goes on behind it.
        settings: What the project's sessions have where the project sets nothing itself, as those of the target would.
        steps: Of `stairs`: revisions, each with `upgrade` or `downgrade`.
        kill_after: The project's process dies after so many traced statements, as by kill -9; 0 for never.
        kill_during: The number of the statement outside a transaction, from 1, during which the server's process that
            executes it is ended, and the project's is killed; 0 for none.
    """

    config: Path
    connection: Connection
    command: str
    revision: str = "head"
    cwd: Path | None = None
    trace: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    x_arguments: tuple[str, ...] = ()
    name: str = "alembic"
    statement_timeout_ms: int = 0
    kill_after: int = 0
    kill_during: int = 0
    goes_on: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class AgentError:
    """What went wrong in the project.

    Attributes:
        message: What was said: by the server, by Alembic, by Python.
        kind: `exception`, `exit` (it called `sys.exit`), `refused` (it wanted another kind of database), `history`
            (revisions that cannot be told apart), `network` (it wanted the network, which is out of reach), `elsewhere`
            (it got a connection that does not lead to the sandbox), `timeout`, `died` (its process ended without a
            word), `forged` (it wrote into the pipe of the reports itself, so that nothing is known of what it did).
        type: Name of the exception's class; empty where there was none.
        sqlstate: The server's code; None where it was not the server.
        path: File it came from, None where that is not known.
        line: Line of that file.
        traceback: Of the whole, for a person who asks; empty where there was none.
    """

    message: str
    kind: str
    type: str = ""
    sqlstate: str | None = None
    path: str | None = None
    line: int | None = None
    traceback: str = field(default="", repr=False)


@dataclass(frozen=True)
class ListedRevision:
    """A revision as its script says.

    Attributes:
        revision: Its id.
        down_revision: Ids that it follows; empty at a base.
        depends_on: Ids that it needs besides.
        path: Its file.
        message: First line of its docstring.
        docstring: The whole of it.
        branch_labels: Its labels.
        is_head: Whether nothing follows it.
        safety_assured: Codes that it suppresses, with reasons.
        lossy_downgrade: What it says of its downgrade's losses, whatever that is; None where it says nothing.
        irreversible: Why it has no downgrade, likewise.
    """

    revision: str
    down_revision: tuple[str, ...]
    depends_on: tuple[str, ...]
    path: str
    message: str
    docstring: str
    branch_labels: tuple[str, ...]
    is_head: bool
    safety_assured: Mapping[str, str]
    lossy_downgrade: object = None
    irreversible: object = None


@dataclass(frozen=True)
class AgentRun:
    """One upgrade or downgrade function that ran.

    Attributes:
        revision: Its revision.
        direction: `upgrade` or `downgrade`.
        statements: What it executed, batches folded; empty without tracing.
        error: Why it ended early; None when it came to its end.
        finished: Whether it ended at all; False when its process was stopped in it.
    """

    revision: str
    direction: str
    statements: tuple[StatementTrace, ...] = ()
    error: AgentError | None = None
    finished: bool = False


@dataclass(frozen=True)
class AgentResult:
    """What the agent reported.

    Attributes:
        runs: Functions that ran, in order.
        revisions: The history from base to heads, when it was asked for.
        problems: What is wrong with the history, though it could be read.
        error: Why the command failed; None when it did not.
        output: What the project printed; its end when it is long.
        version_tables: Where the project's versions are written, of the command `env`, qualified and quoted.
        one_transaction: Why env.py would run all revisions in one transaction, of the command `env`: `default`, or
            `external` where it has begun one itself; empty where it would not.
        configured_at: File and line that configure Alembic, of the same; None where that is not known.
        models: Whether env.py has models, of `models` and `only_there`.
        only_there: Kind and name of what only the database has and the models should have, of `only_there`.
        addresses: Hosts and ports in the network that it wanted.
        variables: Variables of the environment that its own files asked for and nobody has set.
    """

    runs: tuple[AgentRun, ...] = ()
    revisions: tuple[ListedRevision, ...] = ()
    problems: tuple[AgentError, ...] = ()
    error: AgentError | None = None
    output: str = field(default="", repr=False)
    addresses: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    version_tables: tuple[str, ...] = ()
    one_transaction: str = ""
    configured_at: tuple[str, int] | None = None
    models: bool = False
    only_there: tuple[tuple[str, str], ...] = ()


def run_agent(job: AgentJob, *, python: str = sys.executable, timeout: float = TIMEOUT) -> AgentResult:
    """Run one job in an agent of its own; see `Agent.run`."""
    with Agent(python=python) as agent:
        return agent.run(job, timeout)


class Agent:
    """Gives jobs to a process of the project's Python, which forks for each of them.

    It has the libraries imported. After a `revisions` job it also runs env.py, while this side goes on, so that later
    jobs find imported what that imports; the job's database must stay for that, and be nobody else's.
    """

    def __init__(
        self, process: AgentProcess | None = None, *, relay: "Relay | None" = None, python: str = sys.executable
    ) -> None:
        """Take over a process, or let the first job start one of a Python; it ends with the agent.

        Args:
            process: The process.
            relay: What leads to databases that are out of its reach; its folder is in the reach of the process.
            python: The Python of a process that is started here.
        """
        self._process = process
        self._python = python
        self._relay = relay
        self._has_run_env = False

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its process."""
        self.close()

    def run(
        self, job: AgentJob, timeout: float = TIMEOUT, stepped: Callable[[str, str], bool] = lambda *_: True
    ) -> AgentResult:
        """Run a job to its end.

        Whatever the project does is data in the result; nothing of it is raised.

        Args:
            job: What to do.
            timeout: Seconds until the project's processes are killed and its sessions ended.
            stepped: Called after each step of `stairs` with its revision and direction, when it is committed and the
                project's connection is idle; tells whether to go on.
        """
        process = self._started(job.connection)
        self._has_run_env = self._has_run_env or job.command == "revisions"
        begin = process.said()
        with os.fdopen(os.dup(process.answers[1]), "w", encoding="utf-8") as answers:
            token = secrets.token_hex(16)
            reader = _Reader(job, token, process.events[0], answers, time.monotonic() + timeout, stepped)
            try:
                way = self._way_to(job.connection, process)
                process.send(_encoded(job, way, token, process.events[1], process.answers[0]))
                reader.read()
            finally:
                if reader.pid is not None:  # the leader may have gone and left others
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(reader.pid, signal.SIGKILL)
                reader.close()
                if not reader.done:
                    _end_sessions(job.connection)
                output = process.tail(begin)
                unwalled = not reader.exited and process.failed_to_start()
                if not reader.exited:
                    process.close()
        if unwalled:
            raise DatabaseConfigurationError(redact(output.strip()), UNWALLED)
        return reader.result(redact(output))

    def close(self) -> None:
        """End the process; the next job starts another."""
        if self._process is not None:
            self._process.close()
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def renew(self) -> bool:
        """End a process in which env.py has run, so that the next job starts with a new one; tell whether it had."""
        if not self._has_run_env or self._process is None:
            return False
        self._has_run_env = False
        self._process.close()
        return True

    def _started(self, connection: Connection) -> AgentProcess:
        if self._process is None:
            if not connection.is_local:
                from adapter.outbound.migration.sandbox.relay import Relay

                self._relay = Relay()
            folder = self._relay.folder if self._relay else connection.host
            self._process = AgentProcess(self._python, keep=[folder])
        elif not self._process.is_open:
            self._process = self._process.again()
        return self._process

    def _way_to(self, connection: Connection, process: AgentProcess) -> Connection:
        """Return how the process gets to a database: directly, or through a socket of ours where that is walled off."""
        if self._relay is None or (connection.is_local and process.reaches(connection.host)):
            return connection
        self._relay.lead_to({**connection.parameters, "dbname": connection.dbname})
        return replace(connection, host=self._relay.folder, port=5432)


class _Reader:
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
        self._observer: _Observer | None = None
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
        """Give what was read."""
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
        """Say what a function was repeating when its time was over; empty where that was nothing."""
        statements = self._runs[-1].statements if self._runs else ()
        last = max(statements[-_BODY:], key=lambda one: one.count, default=None)
        if last is None or last.count < _REPEATED:
            return ""
        words = " ".join(last.sql.split())
        place = f"line {last.line}, " if last.line else ""
        return f": the loop at {place}had run {words[:_WORDS]} {last.count:,} times, with no end in sight"

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
                self._observer = _Observer.start(self._job.connection, message["pid"], message["sql"])
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
                self._runs[-1], statements=fold(_unseen_only(self._statements)), error=error, finished=finished
            )
            self._statements = []

    def _answer(self, value: Any) -> None:
        with suppress(BrokenPipeError):
            self._answers.write(json.dumps(value) + "\n")
            self._answers.flush()


class _Observer:
    """Makes a statement wait, so that its locks can be read while it does.

    Tables whose names occur in the statement have sessions of their own; all others share one of each kind. One kind
    holds SHARE UPDATE EXCLUSIVE: concurrent index builds and VACUUM wait for it before they do anything. The other
    holds ROW EXCLUSIVE: a concurrent build or drop waits for that writer before its next phase, when it has taken all
    of its locks. The two do not conflict. Each session ends when the statement has been seen to wait for it, so that
    nothing depends on who is quicker.
    """

    def __init__(self, connection: Connection, pid: int, sql: str) -> None:
        self._pid = pid
        self._found: dict[tuple[int, str], None] = {}
        self._connection = connection
        self._eye = connection.connect()
        self._blockers: dict[int, psycopg.Connection[Any]] = {}
        self._writers: set[int] = set()
        self.is_under_way = False
        named: list[str] = []
        others: list[str] = []
        for relation, table in self._eye.execute(_TABLES):
            (named if relation.lower() in sql.lower() and len(named) < _NAMED else others).append(table)
        for mode in ("SHARE UPDATE EXCLUSIVE", "ROW EXCLUSIVE"):
            for tables in (*([table] for table in named), others):
                self._block(tables, mode)

    def _block(self, tables: list[str], mode: str) -> None:
        if not tables:
            return
        blocker = self._connection.connect(autocommit=False)
        try:
            blocker.execute(f"SET LOCAL lock_timeout = '{_BLOCKER_TIMEOUT}'")
            blocker.execute(f"LOCK TABLE ONLY {', ONLY '.join(tables)} IN {mode} MODE".encode())
        except psycopg.Error:  # the project holds a lock itself: what it waits for is seen by looking only
            blocker.close()
        else:
            self._blockers[blocker.info.backend_pid] = blocker
            if mode == "ROW EXCLUSIVE":
                self._writers.add(blocker.info.backend_pid)

    @classmethod
    def start(cls, connection: Connection, pid: int, sql: str) -> "_Observer | None":
        """Begin; None where no second session can be had."""
        try:
            return cls(connection, pid, sql)
        except psycopg.Error:
            return None

    def look(self, *, hold: bool = False) -> None:
        """Read the locks; let the statement go on when it waits for a session of ours.

        Args:
            hold: Do not let it go on when it waits for a writer: then it is in the middle of its work.
        """
        try:
            waits_for = self._eye.execute("SELECT unnest(pg_blocking_pids(%s))", (self._pid,)).fetchall()
            for oid, mode in self._eye.execute(_LOCKS, (self._pid,)):
                self._found[int(oid), str(mode)] = None
        except psycopg.Error:  # the database was dropped: nothing more to see
            self._release()
            return
        for (pid,) in waits_for:
            if pid in self._blockers:
                self.is_under_way = self.is_under_way or pid in self._writers
                if not (hold and self.is_under_way):
                    self._blockers.pop(pid).close()

    def end_observed(self) -> None:
        """End the server's process that executes the statement, and wait for that."""
        self._eye.execute("SELECT pg_terminate_backend(%s, 5000)", (self._pid,))

    def seen(self) -> list[tuple[int, str]]:
        """Give the relations' oids and modes, granted or waited for."""
        return list(self._found)

    def close(self) -> None:
        """End the sessions."""
        self._release()
        self._eye.close()

    def _release(self) -> None:
        for blocker in self._blockers.values():
            blocker.close()
        self._blockers.clear()


def statement_trace(message: Mapping[str, Any]) -> StatementTrace:
    """Read a statement that the agent reported."""

    def objects(name: str) -> tuple[ChangedObject, ...]:
        return tuple(ChangedObject(kind, identity) for kind, identity in message.get(name, ()))

    sql, error = redact(message["sql"]), redact(message.get("error"))
    if error is not None and sql != message["sql"]:
        error = without_quotes(error)
    error = error and readable(error)
    return StatementTrace(
        sql=sql,
        line=message.get("line"),
        operation=message.get("operation"),
        transaction=message.get("transaction"),
        locks={name: LockMode.parse(mode) for name, mode in message.get("locks", {}).items()},
        rewritten=tuple(message.get("rewritten", ())),
        indexes_built=tuple(message.get("indexes_built", ())),
        built_on=dict(message.get("built_on", {})),
        scanned=dict(message.get("scanned", {})),
        rows={name: RowCounts(*counts) for name, counts in message.get("rows", {}).items()},
        locked=dict(message.get("locked", {})),
        most_written=dict(message.get("most_written", {})),
        created=objects("created"),
        altered=objects("altered"),
        dropped=objects("dropped"),
        wal_bytes=message.get("wal_bytes", 0),
        duration_ms=message.get("duration_ms", 0.0),
        lock_timeout=message.get("lock_timeout", "0"),
        count=message.get("count", 1),
        error=error,
        sqlstate=message.get("sqlstate"),
        cannot_run_in_transaction=message.get("cannot_run_in_transaction", False),
        sought=_sought(message.get("plan")),
        used_within=tuple(message.get("used_within", ())),
    )


def _sought(plan: Any) -> str:
    """Write a plan down that looked for rows of a table; nothing where it did not."""
    try:
        return json.dumps(plan) if plan and looks_for_rows(plan) else ""
    except (KeyError, TypeError, ValueError, RecursionError):  # another version writes it in another way
        return ""


def _unseen_only(statements: Sequence[StatementTrace]) -> list[StatementTrace]:
    """Forget what a statement looked for that has found rows another time: the end of a loop finds none."""
    seen = {(one.line, one.sql) for one in statements if not one.sought}
    return [replace(one, sought="") if (one.line, one.sql) in seen else one for one in statements]


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


def _encoded(job: AgentJob, to: Connection, token: str, events: int, answers: int) -> bytes:
    return json.dumps(
        {
            "config": str(job.config.resolve()),
            "name": job.name,
            "conninfo": {
                "host": to.host,
                "port": to.port,
                "user": to.user,
                "password": to.password,
                "dbname": to.dbname,
            },
            "cwd": str(job.cwd or job.config.resolve().parent),
            "command": job.command,
            "revision": job.revision,
            "trace": job.trace,
            "environment": dict(job.environment),
            "x_arguments": list(job.x_arguments),
            "statement_timeout_ms": job.statement_timeout_ms,
            "kill_after": job.kill_after,
            "settings": dict(job.settings),
            "goes_on": job.goes_on,
            "steps": job.steps,
            "token": token,
            "events": events,
            "answers": answers,
        }
    ).encode()


def _end_sessions(connection: Connection) -> None:
    """End what a killed project left running in the sandbox database."""
    with suppress(psycopg.Error), connection.connect() as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
