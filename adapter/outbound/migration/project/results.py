"""What the agent reported."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.migration.history import HistoryEntry
from domain.migration.trace import StatementTrace


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

    @property
    def entry(self) -> HistoryEntry:
        """Return its place in the history."""
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

    def run_of(self, revision: str, direction: str) -> AgentRun:
        """Return one of the runs; an empty one where it did not come so far."""
        for run in self.runs:
            if (run.revision, run.direction) == (revision, direction):
                return run
        return AgentRun(revision, direction)
