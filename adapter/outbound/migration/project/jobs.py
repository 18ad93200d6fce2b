"""What the agent is to do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapter.outbound.migration.project.connection import Connection


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


def encoded(job: AgentJob, to: Connection, token: str, events: int, answers: int) -> bytes:
    """Write a job as the agent reads it, with the pipes of its reports and answers."""
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
