"""The protocol between the agent and its parent: the jobs and the events (`lines.py` writes them as JSON).

Both sides import this module, the agent in the project's own Python, so it needs only the standard library of
Python 3.9. Nowhere else do the names of commands, events and their fields stand as text.

The parent writes each `Job` as a line to the agent's standard input. The agent writes events to a pipe; the class of an
event names its kind. A line begins with the token of the job, which only the two sides know. It distinguishes events
from anything that the project's own code writes into the pipe. The parent answers questions
(`questions.py`) through another pipe, with a value as a line of JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, Union, get_args

from .questions import Direction, Question

VERSION = 7  # to be raised by every change of a job, an event or an answer

# The project called `sys.exit`; connected to a database that is not Postgres, or named other databases; is missing
# revisions, has some twice, or has ids or heads that cannot be run; used the network, which it cannot reach; connected
# to another server than the sandbox.
FailureKind = Literal["exception", "exit", "refused", "history", "network", "elsewhere"]
# Whose transaction all revisions would run in: env.py's own, Alembic's, or nobody's.
OneTransaction = Literal["external", "default", ""]


class Command:
    """What a job does."""

    REVISIONS: Final = "revisions"  # report the history, then run env.py once, so that later jobs find its imports done
    SET_UP: Final = "setup"  # call a function of the project
    UPGRADE: Final = "upgrade"
    DOWNGRADE: Final = "downgrade"
    UNDO: Final = "undo"  # run the downgrade of a single revision
    STAIRS: Final = "stairs"  # run single steps on one connection
    ENV: Final = "env"  # run env.py without any revision, and report the version table
    MODELS: Final = "models"  # create the models
    ONLY_THERE: Final = "only_there"  # report what the database has and the models do not
    CHECK: Final = "check"  # compare the models, as `alembic check`
    UP: Final = "up"  # upgrade a real database, then report the history and what the models have otherwise
    DEPLOY: Final = "deploy"  # the same up to one revision, and ask before each of its statements
    DEPLOY_UNDO: Final = "deploy_undo"  # the same for the downgrade of a single revision
    ON_TARGET: Final = frozenset({UP, DEPLOY, DEPLOY_UNDO})
    ASKING: Final = frozenset({DEPLOY, DEPLOY_UNDO})


@dataclass(frozen=True)
class Job:
    """A job as the agent reads it.

    Attributes:
        config: Path of an `alembic.ini` or a `pyproject.toml`.
        name: Section of the file.
        address: `host`, `port`, `user`, `password` and `dbname` of the sandbox database, or of the real one.
        cwd: The working directory.
        command: One of `Command`.
        revision: Target of the command; for `Command.SET_UP` a `module:function` of the project.
        trace: Whether statements are traced.
        environment: Variables to set. An empty value stands for the sandbox's URL, a scheme such as
            `postgresql+asyncpg` for that URL with that scheme.
        x_arguments: Values of the `-x` option of `alembic`.
        statement_timeout_ms: Milliseconds after which the server cancels a statement; 0 for never.
        kill_after: Number of traced statements after which the process kills itself, before it commits; 0 for never.
        settings: Default settings of the sessions, by name.
        goes_on: Whether a traced statement that fails because of rows is rolled back, and the revision continues.
        steps: For `Command.STAIRS`: pairs of a revision and a direction.
        target: For a real database: how libpq (`libpq`) and asyncpg (`asyncpg`) connect to it, the
            `variables` of libpq's programs for it, and the result (`identity`) that a `query` has there and nowhere
            else; empty for all other commands.
        comparison: For a real database: a `module:function` of the project, which returns the attributes of `Compared`,
            by name, for the URL of a database at the heads; empty for none.
        is_named: Whether the user has named `config`, as hints of env.py do then.
        token: The text that each line of the agent begins with.
        events: File descriptor that the agent writes events to.
        answers: File descriptor that the agent reads answers from.
        version: Version of the protocol.
    """

    config: str
    name: str
    address: dict[str, Any]
    cwd: str
    command: str
    revision: str
    trace: bool
    environment: dict[str, str]
    x_arguments: list[str]
    statement_timeout_ms: int
    kill_after: int
    settings: dict[str, str]
    goes_on: bool
    steps: list[tuple[str, Direction]]
    target: dict[str, Any]
    comparison: str
    is_named: bool
    token: str
    events: int
    answers: int
    version: int = VERSION


@dataclass(frozen=True)
class Failure:
    """An error in the project.

    Attributes:
        error: Its message.
        kind: What failed.
        type: Name of the exception's class.
        sqlstate: The SQLSTATE; None when the error is not the server's.
        path: File in which it was raised; None when that is not known.
        line: Line of that file; None when that is not known.
        traceback: The complete traceback; empty where none is wanted.
        exit_code: The exit code that the error itself asks for, as errors of this project do; None without one.
        raised: Whether a `raise` or `assert` in a file of the project raised it, or `sys.exit`.
    """

    error: str
    kind: FailureKind
    type: str
    sqlstate: str | None
    path: str | None
    line: int | None
    traceback: str
    exit_code: int | None
    raised: bool


@dataclass(frozen=True)
class Exited:
    """The process of a job has ended."""

    code: int


@dataclass(frozen=True)
class Done:
    """The command has ended, with or without an error."""


@dataclass(frozen=True)
class Wanted:
    """What the project tried to use in vain: hosts with ports, and variables that are not set."""

    addresses: list[str]
    variables: list[str]


@dataclass(frozen=True)
class Error(Failure):
    """An error that ended the command, or a connection to another server than the sandbox."""


@dataclass(frozen=True)
class Problem(Failure):
    """An error in the history that did not prevent reading it."""


@dataclass(frozen=True)
class Revision:
    """A revision of the history, from base to heads; the attributes are those of its script in Alembic."""

    revision: str
    down_revision: list[str]
    depends_on: list[str]
    path: str
    message: str
    docstring: str
    branch_labels: list[str]
    is_head: bool
    safety_assured: dict[str, Any]
    lossy_downgrade: Any
    irreversible: Any


@dataclass(frozen=True)
class Begin:
    """An upgrade or downgrade function begins."""

    revision: str
    direction: Direction


@dataclass(frozen=True)
class End:
    """An upgrade or downgrade function has returned."""

    revision: str
    direction: Direction


@dataclass(frozen=True)
class Failed(Failure):
    """An upgrade or downgrade function has raised an error."""

    revision: str
    direction: Direction


@dataclass
class Statement:
    """A statement that a function has executed; the tracer adds what Postgres says of it.

    Attributes:
        revision: ID of the revision.
        direction: Which of its functions runs.
        sql: The text.
        line: Line of the revision's file; None when that is not known.
        operation: The operation of Alembic that made it, such as `add_column`; None for no operation.
        transaction: Number of the transaction within the function, from 1; None when it commits on its own.
        error: Message of the error; None without one.
        sqlstate: SQLSTATE of the error; None when the error is not the server's.
        locks: The strongest lock mode that it added, by table or index.
        rewritten: Names of rewritten relations.
        indexes_built: Names of indexes that were built.
        built_on: Table of each built index, by the index's name.
        scanned: Number of rows read in sequential scans, by table.
        rows: Numbers of rows inserted, updated and deleted, by table.
        locked: Number of rows locked by SELECT … FOR UPDATE, by table.
        most_written: The most existing rows that one transaction within the statement wrote, by table.
        created: Kind and name of each created object.
        altered: Kind and name of each altered object.
        dropped: Kind and name of each dropped object.
        renamed: Kind, old and new name of each renamed object; columns only if their own names have changed.
        wal_bytes: Bytes of write-ahead log.
        duration_ms: Milliseconds.
        lock_timeout: The setting before it.
        count: How often it ran.
        cannot_run_in_transaction: Whether the server refuses it inside a transaction block.
        plan: The plan of a statement that found no rows, as EXPLAIN writes it; None for no plan.
        plans_of_writes: The plans of the statement, or of those within it, that changed or deleted rows.
        plan_of_search: The plan of a statement of the downgrade that only read; None for no plan.
        used_within: Tables that statements within it used.
        unexplained: Those of them of which rows were deleted by a statement that has no plan.
        waited_ms: Milliseconds before it in which the process neither worked nor waited for a processor.
        catalogs: System catalogs that it wrote as tables.
        analyzed: Tables of which it read a sample, as ANALYZE does.
    """

    revision: str
    direction: Direction
    sql: str
    line: int | None = None
    operation: str | None = None
    transaction: int | None = None
    error: str | None = None
    sqlstate: str | None = None
    locks: dict[str, str] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    indexes_built: list[str] = field(default_factory=list)
    built_on: dict[str, str] = field(default_factory=dict)
    scanned: dict[str, int] = field(default_factory=dict)
    rows: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    locked: dict[str, int] = field(default_factory=dict)
    most_written: dict[str, int] = field(default_factory=dict)
    created: list[tuple[str, str]] = field(default_factory=list)
    altered: list[tuple[str, str]] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    renamed: list[tuple[str, str, str]] = field(default_factory=list)
    wal_bytes: int = 0
    duration_ms: float = 0.0
    lock_timeout: str = "0"
    count: int = 1
    cannot_run_in_transaction: bool = False
    plan: Any = None
    plans_of_writes: list[Any] = field(default_factory=list)
    plan_of_search: Any = None
    used_within: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    waited_ms: float = 0.0
    catalogs: list[str] = field(default_factory=list)
    analyzed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rest:
    """What a function has done besides the statements that were reported, sent before its end.

    Attributes:
        locks: The strongest lock mode by table, of locks in its transactions that no reported statement has taken.
        locked: Number of rows by table that were locked behind the last statement, as by a fetch of a driver's cursor.
        sessions: Number of sessions that were begun in the database meanwhile, without those of the drivers here.
        waited_ms: As in `Statement`, behind the last statement, while its transaction is open.
    """

    revision: str
    direction: Direction
    locks: dict[str, str]
    locked: dict[str, int]
    sessions: int
    waited_ms: float


@dataclass(frozen=True)
class Session:
    """The server process of a connection on which revisions are about to run, on a real database."""

    pid: int


@dataclass(frozen=True)
class VersionTable:
    """The project's version tables, by qualified name, and where env.py configures Alembic.

    The names are quoted for `Command.ENV`, and stand as the catalog has them for a real database.
    """

    names: list[str]
    one_transaction: OneTransaction
    path: str | None
    line: int | None


@dataclass(frozen=True)
class Models:
    """Whether env.py has models, and kind and name of each object that only the database has."""

    has_models: bool
    only_there: list[tuple[str, str]]


@dataclass(frozen=True)
class Compared:
    """What differs between the models and a database at the heads, for a real database.

    Attributes:
        differences: A sentence for each difference; None when they could not be read.
        unread: What could not be read, a sentence each.
        needs_pgvector: Whether a model has a column of pgvector's types.
    """

    differences: list[str] | None
    unread: list[str]
    needs_pgvector: bool


Report = Union[  # noqa: UP007 - Python 3.9
    Done,
    Wanted,
    Error,
    Problem,
    Revision,
    Begin,
    End,
    Failed,
    Statement,
    Rest,
    Session,
    VersionTable,
    Models,
    Compared,
]
Event = Union[Question, Report, Exited]  # noqa: UP007
EVENTS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Event)}
