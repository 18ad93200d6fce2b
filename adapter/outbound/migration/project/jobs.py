"""The jobs of the agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapter.outbound.migration.project.agent.lines import encode_job
from adapter.outbound.migration.project.agent.protocol import Job
from adapter.outbound.migration.project.agent.questions import Direction
from adapter.outbound.migration.project.connection import Connection


@dataclass(frozen=True)
class AgentJob:
    """A job of the agent: a command, its database, and the settings of the project.

    Attributes:
        config: Path of the project's `alembic.ini` or `pyproject.toml`.
        connection: Address of the sandbox database; every Postgres connection of the project is redirected to it.
        command: One of `Command`.
        revision: Target of the command, as Alembic writes targets; for `Command.UNDO` the ID of a revision, for
            `Command.SET_UP` a `module:function`.
        cwd: Working directory; None for the folder of `config`.
        trace: Whether to trace statements.
        environment: Variables for the project. A value of `""` stands for the sandbox's URL, one such as
            `postgresql+asyncpg` for that URL with that scheme.
        x_arguments: Values of the `-x` option of `alembic`.
        name: Section of `config`.
        statement_timeout_ms: Milliseconds after which the server cancels a statement; 0 for never.
        goes_on: Whether a traced statement that fails because of rows is rolled back, and the revision continues.
        settings: Default settings of the project's sessions, by name, as sessions at the target have them.
        target: For `Command.UP`: the ways to the real database, as `Job.target`.
        comparison: For `Command.UP`: what compares the models with the database, as `Job.comparison`.
        is_named: Whether the user has named `config`, so that commands in hints name it, too.
        steps: For `Command.STAIRS`: pairs of a revision and a direction.
        kill_after: Number of traced statements after which the project's process is killed, as by `kill -9`; 0 for
            never.
        kill_during: Number, from 1, of the statement outside a transaction during which its server process is
            terminated and the project's process is killed; 0 for none.
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
    target: Mapping[str, Any] = field(default_factory=dict, repr=False)
    comparison: str = ""
    is_named: bool = True
    steps: tuple[tuple[str, Direction], ...] = ()


def encoded(job: AgentJob, to: Connection, token: str, events: int, answers: int) -> bytes:
    """Return a job as the line that the agent reads.

    Args:
        job: The job.
        to: Address at which the agent reaches the database.
        token: Begins each line of the agent's reports.
        events: File descriptor that the agent writes its reports to.
        answers: File descriptor that the agent reads answers from.
    """
    address = {"host": to.host, "port": to.port, "user": to.user, "password": to.password, "dbname": to.dbname}
    return encode_job(
        Job(
            config=str(job.config.resolve()),
            name=job.name,
            address=address,
            cwd=str(job.cwd or job.config.resolve().parent),
            command=job.command,
            revision=job.revision,
            trace=job.trace,
            environment=dict(job.environment),
            x_arguments=list(job.x_arguments),
            statement_timeout_ms=job.statement_timeout_ms,
            kill_after=job.kill_after,
            settings=dict(job.settings),
            goes_on=job.goes_on,
            steps=list(job.steps),
            target=dict(job.target),
            comparison=job.comparison,
            is_named=job.is_named,
            token=token,
            events=events,
            answers=answers,
        )
    )
