"""Wiring of `migrate up`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.bootstrap.project import configuration, is_this_project
from adapter.bootstrap.target import named_database

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.outbound.migration.project.agent_process import AgentProcess
    from adapter.outbound.postgres.url import DatabaseURL
    from domain.migration.status import DatabaseStatus

_COMPARISON = "adapter.outbound.database.this_project:compared"  # named, and not imported: the agent has the models


@dataclass(frozen=True)
class UpgradeRequest:
    """A project, and how its env.py is run.

    Attributes:
        config: The `alembic.ini` or `pyproject.toml` of the project; None as for `ProjectRequest`.
        name: The section of that file.
        url: The database; None for `DATABASE_URL`, and for this project the embedded one without it.
        python: The project's interpreter; None for this one.
        environment: Variables of env.py, `NAME` for the database's URL or `NAME=VALUE`; added to those of the project's
            settings.
        x_arguments: The arguments of `alembic -x`.
    """

    config: "Path | None" = None
    name: str = "alembic"
    url: str | None = None
    python: "Path | None" = None
    environment: tuple[str, ...] = ()
    x_arguments: tuple[str, ...] = ()


def upgrade(request: UpgradeRequest) -> "DatabaseStatus":
    """Upgrade a real database to the head of its project, and read where it stands then.

    The project's output is written to stderr while it runs.

    Raises:
        DatabaseError: The database cannot be reached, a revision failed, or no database is named.
        DatabaseConfigurationError: The interpreter is missing, or env.py cannot run.
    """
    from adapter.outbound.migration.project.agent_process import AgentProcess
    from adapter.outbound.migration.project.configuration import interpreter
    from adapter.outbound.migration.target.output import handed_on, write_to_stderr
    from adapter.outbound.postgres.explain import explaining

    config = configuration(request.config)
    python = interpreter(request.python)
    # The agent starts first, because it imports the project's libraries while we import ours.
    with (
        handed_on(write_to_stderr) as output,
        AgentProcess(python, walled=False, network=True, output=output) as process,
    ):
        url = named_database(config, request.url, "migrate up")
        with explaining(url, reads=True):
            return _upgrade(request, config, process, url)


def _upgrade(
    request: UpgradeRequest, config: "Path", process: "AgentProcess", database: "DatabaseURL"
) -> "DatabaseStatus":
    from adapter.outbound.migration.project.settings import read_project_settings, variables
    from adapter.outbound.migration.target.state import DatabaseTarget
    from adapter.outbound.migration.target.upgrade import upgrade_job
    from adapter.outbound.migration.target.upgrader import AgentUpgrader
    from application.migration.upgrade import Upgrade

    named = ("DATABASE_URL",) if request.url else ()
    job = upgrade_job(
        config,
        database,
        is_named=request.config is not None,
        name=request.name,
        environment=variables((*named, *read_project_settings(config).env, *request.environment)),
        x_arguments=request.x_arguments,
        comparison=_COMPARISON if is_this_project(config) else "",
    )
    return Upgrade(AgentUpgrader(process, job, database), DatabaseTarget(database))()
