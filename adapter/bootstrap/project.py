"""Wiring of a project that runs in a sandbox."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from adapter.outbound.migration.trial.databases import RevisionDatabases
    from adapter.outbound.migration.trial.project import Project
    from adapter.outbound.migration.trial.trials import SandboxTrials
    from application.migration.lanes import Opener
    from application.migration.ports.trials import Trials
    from domain.migration.statistics import Target


@dataclass(frozen=True)
class ProjectRequest:
    """A project, and the sandbox in which a command runs it.

    Attributes:
        config: The `alembic.ini` or `pyproject.toml` of the project. None for the `alembic.ini` in the current folder,
            or that of this project if the current folder is inside of it.
        name: The section of that file.
        major: The major version of the embedded sandbox; None for the default.
        sandbox_url: The URL of a server for the sandbox; None for the embedded server. Its role must not reach anything
            else on the server.
        any_role: Whether any role is accepted, because the whole server is thrown away.
        rows: The number of rows that fill each table.
        statement_timeout: The time that a statement may take, in seconds.
        python: The project's interpreter; None for this one.
        setup: A file of SQL, or a `module:function`, that creates what the first revision expects; None for that of the
            project's settings.
        rows_from: A file of SQL that inserts rows; None for that of the project's settings.
        environment: Variables of env.py, `NAME` for the sandbox's URL or `NAME=VALUE`; added to those of the project's
            settings.
        x_arguments: The arguments of `alembic -x`.
        statements: The file that `migrate record` wrote; None for that of the project's settings.
        jobs: The number of sandboxes that share a long range; None for as many as the machine has room for.
        isolated: Whether the kernel keeps the project's process and the embedded server from connecting to other
            servers.
        network: Whether the project's process may use the network in spite of that.
        settings: The settings of sessions at the target by name; empty without a target.
    """

    config: "Path | None" = None
    name: str = "alembic"
    major: int | None = None
    sandbox_url: str | None = None
    any_role: bool = False
    rows: int = 2000
    statement_timeout: int = 60
    python: "Path | None" = None
    setup: str | None = None
    rows_from: "Path | None" = None
    environment: tuple[str, ...] = ()
    x_arguments: tuple[str, ...] = ()
    statements: "Path | None" = None
    jobs: int | None = None
    isolated: bool = True
    network: bool = False
    settings: "Mapping[str, str]" = field(default_factory=dict)

    def at_major(self, major: int) -> "ProjectRequest":
        """Return the request with the embedded sandbox of a target's major version, unless another one was chosen."""
        from adapter.outbound.postgres.embedded import PACKAGES

        if self.major is not None or self.sandbox_url is not None or major not in PACKAGES:
            return self
        return replace(self, major=major)


@contextmanager
def revision_databases(
    request: ProjectRequest, lane: int = 0, stop: "threading.Event | None" = None
) -> "Iterator[RevisionDatabases]":
    """Open a sandbox for a project and yield the databases of its revisions.

    Args:
        request: The project and the sandbox.
        lane: The number of the lane; each lane has its own sandbox.
        stop: An event after which the lane starts no further work; None for none.

    Raises:
        DatabaseError: The sandbox is not available.
        DatabaseConfigurationError: The interpreter or a file is missing, or the system cannot isolate the project.
    """
    from adapter.outbound.isolation.processes import unreadable
    from adapter.outbound.migration.project.agent_process import AgentProcess
    from adapter.outbound.migration.project.configuration import interpreter
    from adapter.outbound.migration.project.isolation import require_wall, warn_of_gap
    from adapter.outbound.migration.sandbox.places import cache_directory
    from adapter.outbound.postgres.embedded import socket_directory

    python = interpreter(request.python)
    if request.isolated:
        require_wall()
    folder = cache_directory() / f"lane-{lane}" if lane else cache_directory()
    relay = None
    if request.sandbox_url:
        from adapter.outbound.migration.project.relay import Relay

        relay = Relay()
    keep = [relay.folder if relay else str(socket_directory(request.major, folder))]
    # The agent starts first, because it imports the project's libraries while we import ours and the server starts.
    with (
        relay or nullcontext(),
        unreadable() if request.isolated else nullcontext(),
        AgentProcess(python, keep=keep, walled=request.isolated, network=request.network) as process,
    ):
        from adapter.outbound.migration.project.client import Agent
        from adapter.outbound.migration.sandbox.choice import let_in, sandbox_at
        from adapter.outbound.migration.sandbox.server_errors import naming
        from adapter.outbound.migration.trial.databases import RevisionDatabases

        project = _project(request)
        sandbox = sandbox_at(
            request.sandbox_url,
            any_role=request.any_role,
            major=request.major,
            folder=folder,
            walled=request.isolated,
        )
        if not lane:
            warn_of_gap(process.gate)
        with (
            sandbox,
            Agent(process, relay=relay) as agent,
            closing(RevisionDatabases(project, sandbox, agent, stop=stop)) as databases,
            naming(sandbox),
        ):
            let_in(sandbox, process.gate)
            yield databases


def trial_lanes(request: ProjectRequest, *, keeps_before: bool) -> "list[Opener[Trials]]":
    """Return a function for each further lane that opens its trials.

    Args:
        request: The project and the sandbox.
        keeps_before: Whether a trial keeps the database before the upgrade.

    Raises:
        DatabaseConfigurationError: Several jobs are requested on one server.
    """
    from adapter.outbound.migration.sandbox.lanes import lane_count

    count = lane_count(request.jobs, request.sandbox_url)
    return [partial(_trials_of_lane, request, keeps_before, lane) for lane in range(1, count)]


@contextmanager
def open_trials(
    request: ProjectRequest, *, keeps_before: bool, lane: int = 0, stop: "threading.Event | None" = None
) -> "Iterator[tuple[RevisionDatabases, SandboxTrials]]":
    """Open a sandbox for a project, and yield the databases of its revisions and the trials in them.

    Args:
        request: The project and the sandbox.
        keeps_before: Whether a trial keeps the database before the upgrade.
        lane: As for `revision_databases`.
        stop: As for `revision_databases`.

    Raises:
        DatabaseError: The sandbox is not available.
        DatabaseConfigurationError: The interpreter or a file is missing, or the system cannot isolate the project.
    """
    with revision_databases(request, lane, stop) as databases:
        from adapter.outbound.migration.trial.trials import SandboxTrials

        with closing(SandboxTrials(databases, keeps_before=keeps_before)) as trials:
            yield databases, trials


@contextmanager
def _trials_of_lane(
    request: ProjectRequest, keeps_before: bool, lane: int, stop: "threading.Event"
) -> "Iterator[Trials]":
    with open_trials(request, keeps_before=keeps_before, lane=lane, stop=stop) as (_, trials):
        yield trials


def under_settings_of(request: ProjectRequest, target: "Target | None") -> ProjectRequest:
    """Return the request with the settings of sessions at a target; unchanged without a target."""
    return request if target is None else replace(request, settings=target.settings)


def _project(request: ProjectRequest) -> "Project":
    from adapter.outbound.migration.project.settings import variables
    from adapter.outbound.migration.trial.configured import configured
    from adapter.outbound.migration.trial.project import Project

    project = Project(
        config=configuration(request.config),
        name=request.name,
        statement_timeout=request.statement_timeout,
        environment=variables(request.environment),
        x_arguments=request.x_arguments,
        rows=request.rows,
        settings=request.settings,
    )
    return configured(project, setup=request.setup, rows_from=request.rows_from, statements=request.statements)


def configuration(config: "Path | None") -> "Path":
    """Return the configuration file of a project: the given one, that of the current folder, or this project's.

    Raises:
        DatabaseConfigurationError: There is no such file.
    """
    from adapter.outbound.database.settings import PROJECT_ROOT
    from adapter.outbound.migration.project.configuration import configuration_file

    return configuration_file(config, PROJECT_ROOT)


def is_this_project(config: "Path") -> bool:
    """Return whether a configuration file, from `configuration`, is that of this project."""
    from adapter.outbound.database.settings import PROJECT_ROOT

    return config == PROJECT_ROOT / "alembic.ini"
