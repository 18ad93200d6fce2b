"""Wiring of a project that runs in a sandbox."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from adapter.bootstrap.server import embedded

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from adapter.outbound.migration.project.agent_process import AgentProcess
    from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
    from adapter.outbound.migration.trial.databases import RevisionDatabases
    from adapter.outbound.migration.trial.project import Project
    from application.migration.lanes import Opener


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


_MOST_LANES = 4


Read = TypeVar("Read")


def lanes(
    request: ProjectRequest, open_worker: "Callable[[int, threading.Event], AbstractContextManager[Read]]"
) -> "list[Opener[Read]]":
    """Return a function for each further lane that opens its worker.

    Each lane needs a server of its own. On one server they share the WAL and would distort each other's measurements.

    Args:
        request: The project and the sandbox.
        open_worker: Opens the worker of a lane, by the number of the lane and the event that stops it.

    Raises:
        DatabaseConfigurationError: Several jobs are requested on one server.
    """
    import os
    from functools import partial

    default = 1 if request.sandbox_url else min(_MOST_LANES, os.cpu_count() or 1)
    jobs = default if request.jobs is None else request.jobs
    if request.sandbox_url and jobs > 1:
        from adapter.outbound.postgres.errors import DatabaseConfigurationError

        raise DatabaseConfigurationError(
            "parallel jobs on one server would distort each other's measurements", "leave out --jobs or --sandbox-url"
        )
    return [partial(open_worker, lane) for lane in range(1, jobs)]


@contextmanager
def _naming_sandbox(sandbox: "ServerSandbox") -> "Iterator[None]":
    """Turn a full disk or a missing answer of the sandbox's server into an error that names the sandbox."""
    import psycopg

    from adapter.outbound.postgres.errors import DatabaseError
    from adapter.outbound.postgres.full_disk import FullDiskError

    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise sandbox.full_disk(error.diag.message_primary or str(error)) from error
    except psycopg.errors.ConnectionTimeout as error:
        raise DatabaseError(
            f"the sandbox's server does not answer any more ({error})",
            "run the command again: an embedded server that does not answer for a minute is made anew",
        ) from error
    except FullDiskError as error:
        # The sandbox itself has raised it, or a revision has received it from the server.
        raise (error if error.message.startswith("The disk of") else sandbox.full_disk(error.message)) from error


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
    import sys

    from adapter.outbound.isolation import wall
    from adapter.outbound.isolation.processes import unreadable
    from adapter.outbound.migration.project.agent_process import AgentProcess
    from adapter.outbound.migration.sandbox.places import cache_directory
    from adapter.outbound.postgres.errors import DatabaseConfigurationError

    python = interpreter(request.python)
    if request.isolated and not wall.is_available():
        raise DatabaseConfigurationError(
            f"this system ({sys.platform}) has no means to keep revisions away from real databases",
            "go on without, on a machine from which no real database can be reached: --no-isolation",
        )
    folder = cache_directory() / f"lane-{lane}" if lane else cache_directory()
    relay = None
    if request.sandbox_url:
        from adapter.outbound.migration.sandbox.relay import Relay

        relay = Relay()
    keep = [relay.folder if relay else str(embedded().socket_directory(request.major, folder))]
    # The agent starts first, because it imports the project's libraries while we import ours and the server starts.
    with (
        relay or nullcontext(),
        unreadable() if request.isolated else nullcontext(),
        AgentProcess(python, keep=keep, walled=request.isolated, network=request.network) as process,
    ):
        from adapter.outbound.migration.project.client import Agent
        from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
        from adapter.outbound.migration.sandbox.guest import GuestSandbox
        from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
        from adapter.outbound.migration.trial.databases import RevisionDatabases
        from adapter.outbound.postgres.direct import with_sign_in

        project = _project(request)
        sandbox: ServerSandbox
        if request.sandbox_url is None:
            sandbox = EmbeddedSandbox(request.major, folder, walled=request.isolated)
        else:
            sandbox = (ServerSandbox if request.any_role else GuestSandbox)(with_sign_in(request.sandbox_url))
        if not lane:
            _warn_of_gap(process)
        with (
            sandbox,
            Agent(process, relay=relay) as agent,
            closing(RevisionDatabases(project, sandbox, agent, stop=stop)) as databases,
            _naming_sandbox(sandbox),
        ):
            if isinstance(sandbox, EmbeddedSandbox) and process.gate is not None:
                sandbox.let_in(process.gate)
            yield databases


def _warn_of_gap(process: "AgentProcess") -> None:
    """Say on stderr where this system keeps no socket of another server out of reach."""
    import sys

    if process.gate is not None and not process.gate.holds(seconds=10):
        sys.stderr.write(
            "warning: this system lets no process decide on the connections of another, and hides no sockets from this"
            " user: a revision or env.py can reach the Unix sockets of other Postgres servers on this machine"
            " (docs/isolation.md)\n"
        )


def _project(request: ProjectRequest) -> "Project":
    from pathlib import Path

    from adapter.outbound.migration.project.settings import read_project_settings
    from adapter.outbound.migration.traffic.recorder import read_statements
    from adapter.outbound.migration.trial.project import Project
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    config = configuration(request.config)
    settings = read_project_settings(config)

    def file(name: "Path | str", folder: Path, option: str) -> Path:
        path = folder / name
        if not path.is_file():
            raise DatabaseConfigurationError(f"there is no file {shown(name)}", f"name a file of SQL with {option}")
        return path.resolve()

    setup: str | Path | None = request.setup or settings.setup or None
    if setup and ":" not in str(setup):
        setup = file(setup, Path() if request.setup else config.parent, "--setup")
    rows_from = request.rows_from or settings.rows_from or None
    if rows_from:
        rows_from = file(rows_from, Path() if request.rows_from else config.parent, "--rows-from")
    statements = request.statements or (config.parent / settings.statements if settings.statements else None)
    variables = (variable.partition("=") for variable in (*settings.env, *request.environment))
    return Project(
        config=config,
        name=request.name,
        statement_timeout=request.statement_timeout,
        environment={name: value for name, _, value in variables},
        x_arguments=request.x_arguments,
        setup=setup,
        rows_from=rows_from,
        rows=request.rows,
        statements=read_statements(statements) if statements else (),
        settings=request.settings,
    )


def configuration(config: "Path | None") -> "Path":
    """Return the configuration file of a project: the given one, that of the current folder, or this project's.

    Raises:
        DatabaseConfigurationError: There is no such file.
    """
    from pathlib import Path

    from adapter.outbound.database.settings import PROJECT_ROOT
    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    if config is None:
        local_file = Path("alembic.ini")
        if local_file.is_file():
            return local_file.resolve()
        if Path.cwd().is_relative_to(PROJECT_ROOT):
            return PROJECT_ROOT / "alembic.ini"
        raise DatabaseConfigurationError(
            f"there is no alembic.ini in {shown(Path.cwd())}",
            f"name the project's with -c; that of Hexalembic is {PROJECT_ROOT / 'alembic.ini'}",
        )
    if not config.is_file():
        raise DatabaseConfigurationError(f"there is no file {shown(config)}", "name the project's alembic.ini with -c")
    return config.resolve()


def is_this_project(config: "Path") -> bool:
    """Return whether a configuration file, from `configuration`, is that of this project."""
    from adapter.outbound.database.settings import PROJECT_ROOT

    return config == PROJECT_ROOT / "alembic.ini"


def interpreter(python: "Path | None") -> str:
    """Return the path of the project's Python: the given one, or this one.

    Raises:
        DatabaseConfigurationError: There is no such program.
    """
    import shutil
    import sys

    from adapter.outbound.postgres.errors import DatabaseConfigurationError
    from adapter.outbound.postgres.redaction import shown

    path = str(python or sys.executable)
    if shutil.which(path) is None:
        raise DatabaseConfigurationError(f"there is no Python {shown(path)}", "name the project's own with --python")
    return path
