"""Shared options of commands: the project that runs in a sandbox, and the sandbox."""

import inspect
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from adapter.inbound.cli.group import checked_name, checked_range

ROWS_TO_ANALYZE = 2000
ROWS_TO_VERIFY = 200


class JournalPlace(StrEnum):
    """Where the journal of deployments is."""

    DATABASE = "database"
    FILE = "file"


Journal: TypeAlias = Annotated[
    JournalPlace,
    typer.Option(
        "--journal",
        help="Where the journal of deployments is: in the database, schema hexalembic, with a copy in the file "
        ".hexalembic/journal.jsonl; or in that file only.",
    ),
]
JournalFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(callback=checked_name, help="The folder of that file. Default: beside the configuration file."),
]
Goal: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="[TARGET]",
        callback=checked_range,
        help="Where to upgrade to: a revision, head, heads, or +2 for two revisions from where the database is.",
    ),
]
URL: TypeAlias = Annotated[str | None, typer.Option(help="The database, in place of DATABASE_URL.")]
Production: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="HOST/DATABASE",
        help="The only database that may be meant, as in db.example.com/shop. Another one is refused before anything "
        "is done.",
    ),
]
Certificates: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        callback=checked_name, help="The file of what migrate verify proved. Default: certificates.json beside env.py."
    ),
]
Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", "-c", help="The project's alembic.ini or pyproject.toml.")
]
Name: TypeAlias = Annotated[str, typer.Option("--name", "-n", help="The section of that file that has the settings.")]
Major: TypeAlias = Annotated[
    int | None, typer.Option("--pg", metavar="16|18", help="Major version of Postgres in the sandbox.")
]
SandboxURL: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="A server for the sandbox, in place of the embedded one. Databases are created there and dropped again. "
        "The role may have no other rights there; the error message shows the statements that create such a role."
    ),
]
Rows: TypeAlias = Annotated[int, typer.Option(help="Number of rows to put into each table.", min=0)]
RowsFrom: TypeAlias = Annotated[
    Path | None, typer.Option(help="SQL file that inserts rows of your own before the other rows are generated.")
]
SetUp: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.sql|MODULE:FUNCTION",
        help="SQL file or Python function that creates what the first revision expects.",
    ),
]
Env: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=VALUE]", help="Environment variable for env.py. Without a value it gets the URL of the sandbox."
    ),
]
X: TypeAlias = Annotated[
    list[str] | None, typer.Option("-x", metavar="NAME=VALUE", help="Argument for env.py, as with alembic -x.")
]
Python: TypeAlias = Annotated[
    Path | None, typer.Option(help="The project's Python, if the project has its own virtual environment.")
]
StatementTimeout: TypeAlias = Annotated[int, typer.Option(help="Seconds after which a statement is cancelled.", min=1)]
NoIsolation: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-isolation",
        help="Run even where the kernel cannot keep the project away from other databases. "
        "docs/isolation.md lists what is guaranteed on which system.",
    ),
]
AllowNetwork: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-network",
        help="Let the project use the network. A revision or env.py can then reach a real database.",
    ),
]
Jobs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        help="Number of sandboxes, each with its own server, that share the revisions. "
        "Default: one for each processor, at most four; with --sandbox-url one.",
    ),
]


def report_format(subject: str) -> Any:
    """Return the option that chooses the format of a report, whose names are those of its writers.

    Args:
        subject: The report: analysis, verification, plan, preflight, history or rules.
    """
    from adapter.bootstrap.formats import formats

    names = formats(subject)

    def checked(name: str) -> str:
        if name not in names:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, names))}")
        return name

    return typer.Option("--format", metavar=f"[{'|'.join(names)}]", callback=checked, help="Output format.")


def handing(
    name: str, options: Mapping[str, tuple[Any, Any]], build: Callable[..., Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that puts options in the place of a command's parameter, which receives what they stand for.

    Args:
        name: The parameter.
        options: The annotation and the default of each option, by name, in the order of the help.
        build: Returns the value of the parameter, from the values of the options and, as its only positional argument,
            the other arguments of the command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:
            values = {option: arguments.pop(option) for option in options}
            command(**{name: build(arguments, **values)}, **arguments)

        added = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for option, (annotation, default) in options.items()
        ]
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            own_parameter = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters += added if parameter.name == name else [own_parameter]
        run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
        return run

    return decorate


def takes_project(*, rows: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options of the project and the sandbox to a command.

    The options replace the command's parameter `project`, which receives a `ProjectRequest`. Before the command runs, a
    warning on stderr names what an option opens that is closed by default.

    Args:
        rows: The default number of rows that fill each table.
    """
    return handing("project", {**_PROJECT, "rows": (Rows, rows)}, _project)


def _project(_others: Mapping[str, Any], **values: Any) -> Any:
    from adapter.bootstrap.project import ProjectRequest

    no_isolation, network = values.pop("no_isolation"), values.pop("allow_network")
    warn_of_open_walls(no_isolation=no_isolation, allow_network=network)
    return ProjectRequest(
        major=values.pop("pg"),
        environment=tuple(values.pop("env") or ()),
        x_arguments=tuple(values.pop("x") or ()),
        isolated=not no_isolation,
        network=network,
        **values,
    )


_PROJECT: dict[str, tuple[Any, Any]] = {
    "config": (Config, None),
    "name": (Name, "alembic"),
    "pg": (Major, None),
    "sandbox_url": (SandboxURL, None),
    "rows": (Rows, None),
    "rows_from": (RowsFrom, None),
    "setup": (SetUp, None),
    "env": (Env, None),
    "x": (X, None),
    "python": (Python, None),
    "statement_timeout": (StatementTimeout, 60),
    "jobs": (Jobs, None),
    "no_isolation": (NoIsolation, False),
    "allow_network": (AllowNetwork, False),
}


def _print_version(is_requested: bool) -> None:
    if is_requested:
        from adapter.inbound.cli.version import version

        typer.echo(version())
        raise typer.Exit


Version: TypeAlias = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
]


def before_the_command(context: typer.Context, config: Config = None, version: Version = False) -> None:  # noqa: ARG001
    """Pass a `-c` that stands before the command to the command, because `alembic` takes it there, too."""
    name = context.invoked_subcommand
    if config is None or name is None:
        return
    command = context.command.commands[name]  # type: ignore[attr-defined]
    if not any(parameter.name == "config" for parameter in command.params):
        raise typer.BadParameter(f"{name} works for this project only: leave it out", param_hint="--config")
    context.default_map = {name: {"config": str(config)}}


def require_one_target(target_url: str | None, stats: Path | None) -> None:
    """Check that a target is named by its URL or by its statistics.

    Raises:
        typer.BadParameter: Both are named.
    """
    if target_url and stats:
        raise typer.BadParameter("use --target-url or --stats, not both")


def warn_of_open_walls(*, no_isolation: bool, allow_network: bool) -> None:
    """Print a warning on stderr if an option lets the project reach other servers."""
    if no_isolation:
        typer.echo(
            "warning: --no-isolation: nothing keeps a revision or env.py from connecting to a real database,"
            " and what it does there is real",
            err=True,
        )
    elif allow_network:
        typer.echo(
            "warning: --allow-network: a revision or env.py can reach every server of the network,"
            " a real database included, and what it does there is real",
            err=True,
        )
