"""The results of the agent's jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Literal

from adapter.outbound.migration.project.agent.protocol import FailureKind, OneTransaction
from domain.migration.history import HistoryEntry
from domain.migration.locks import LockMode
from domain.migration.status import Drift
from domain.migration.trace import StatementTrace


@dataclass(frozen=True)
class AgentError:
    """An error in the project.

    Attributes:
        message: Message of the server, of Alembic, or of Python.
        kind: What failed; besides what the agent reports: `timeout`, `died` (its process ended without a report),
            `forged` (it wrote into the pipe for reports itself, so that no report is reliable).
        type: Name of the exception's class; empty without an exception.
        sqlstate: The SQLSTATE; None when the error is not the server's.
        path: File in which the error was raised; None when that is not known.
        line: Line of that file; None when that is not known.
        traceback: The complete traceback; empty without one, or when it may have a secret.
        exit_code: The exit code that the error itself asks for, as errors of this project do; None without one.
        raised: Whether a `raise` or `assert` in a file of the project raised it, or `sys.exit`.
    """

    message: str
    kind: FailureKind | Literal["timeout", "died", "forged"]
    type: str = ""
    sqlstate: str | None = None
    path: str | None = None
    line: int | None = None
    traceback: str = field(default="", repr=False)
    exit_code: int | None = None
    raised: bool = False


@dataclass(frozen=True)
class ListedRevision:
    """A revision as its script declares it.

    Attributes:
        revision: Its ID.
        down_revision: IDs of the revisions that it follows; empty at a base.
        depends_on: IDs of the revisions that it depends on besides.
        path: Path of its file.
        message: First line of its docstring.
        docstring: The whole docstring.
        branch_labels: Its branch labels.
        is_head: Whether no revision follows it.
        safety_assured: The reason, by code, for each diagnostic that it suppresses.
        lossy_downgrade: Its variable `lossy_downgrade`, of any type; None without one.
        irreversible: Its variable `irreversible`, of any type; None without one.
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

    @property
    def entry(self) -> HistoryEntry:
        """Return the revision as an entry of the history."""
        return HistoryEntry(
            revision=self.revision,
            down_revision=self.down_revision,
            depends_on=self.depends_on,
            path=self.path,
            message=self.message,
            labels=self.branch_labels,
        )


@dataclass(frozen=True)
class AgentRun:
    """A run of an upgrade or downgrade function.

    Attributes:
        revision: ID of its revision.
        direction: `upgrade` or `downgrade`.
        statements: The statements that it executed, with loops folded; empty without tracing.
        error: The error that ended it early; None when there was none.
        finished: Whether the function ended, with or without an error; False when its process was stopped before.
        unseen_locks: Locks in its transactions that none of its statements has taken, by table.
        unseen_sessions: Number of sessions in the database that were begun past the drivers.
        waited_ms: Time, in milliseconds, in which its process did nothing behind the last statement, in a transaction.
    """

    revision: str
    direction: str
    statements: tuple[StatementTrace, ...] = ()
    error: AgentError | None = None
    finished: bool = False
    unseen_locks: Mapping[str, LockMode] = field(default_factory=dict)
    unseen_sessions: int = 0
    waited_ms: float = 0.0


@dataclass(frozen=True)
class AgentResult:
    """The result of a job.

    Attributes:
        runs: Runs of upgrade and downgrade functions, in order.
        revisions: The history from base to heads, for `Command.REVISIONS` and `Command.UP`.
        problems: Errors in the history that did not prevent reading it.
        error: The error that ended the command; None when there was none.
        output: The project's output; only the end of a long one.
        version_tables: Names of the project's version tables, for `Command.ENV` and `Command.UP`; see `VersionTable`.
        one_transaction: Why env.py would run all revisions in one transaction, for `Command.ENV`: `default`, or
            `external` when env.py has begun one itself; empty when it would not.
        configured_at: File and line of the call that configures Alembic, for the same command; None when not known.
        models: Whether env.py has models, for `Command.MODELS` and `Command.ONLY_THERE`.
        only_there: Kind and name of each object that the database has and the models do not, for the latter.
        drift: What differs between models and database, for `Command.UP`; None when that was not asked.
        needs_pgvector: Whether a model has a column of pgvector's types, as far as that was asked.
        addresses: Hosts and ports in the network that the project tried to reach.
        variables: Environment variables that the project's own files read and that are not set.
        has_network: Whether the network was in the project's reach.
    """

    runs: tuple[AgentRun, ...] = ()
    revisions: tuple[ListedRevision, ...] = ()
    problems: tuple[AgentError, ...] = ()
    error: AgentError | None = None
    output: str = field(default="", repr=False)
    addresses: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    version_tables: tuple[str, ...] = ()
    one_transaction: OneTransaction = ""
    configured_at: tuple[str, int] | None = None
    models: bool = False
    only_there: tuple[tuple[str, str], ...] = ()
    drift: Drift | None = None
    needs_pgvector: bool = False
    has_network: bool = False

    def run_of(self, revision: str, direction: str) -> AgentRun:
        """Return one of the runs; an empty one where it did not come so far.

        An env.py may run a function again, for another schema or after an error: what it executed is one run's then.
        """
        runs = [run for run in self.runs if (run.revision, run.direction) == (revision, direction)]
        return reduce(_joined, runs) if runs else AgentRun(revision, direction)


def _joined(run: AgentRun, again: AgentRun) -> AgentRun:
    """Return two runs of a function as one; transactions are numbered on."""
    last = max((statement.transaction or 0 for statement in run.statements), default=0)
    statements = tuple(
        statement if statement.transaction is None else replace(statement, transaction=statement.transaction + last)
        for statement in again.statements
    )
    return replace(
        again,
        statements=run.statements + statements,
        unseen_locks={**run.unseen_locks, **again.unseen_locks},
        unseen_sessions=run.unseen_sessions + again.unseen_sessions,
        waited_ms=max(run.waited_ms, again.waited_ms),
    )
