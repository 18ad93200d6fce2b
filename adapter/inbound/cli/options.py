"""Options that several commands have: which project runs in a sandbox, and in which."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", "-c", help="alembic.ini or pyproject.toml of the project.")
]
Name: TypeAlias = Annotated[str, typer.Option("--name", "-n", help="Section of that file.")]
Major: TypeAlias = Annotated[int | None, typer.Option("--pg", metavar="16|18", help="Major version of the sandbox.")]
SandboxURL: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="A server for the sandbox; databases are created there and dropped again. "
        "Its role may do nothing else there: another is refused, with the statements that make one."
    ),
]
Rows: TypeAlias = Annotated[int, typer.Option(help="Rows that each table is filled with.", min=0)]
RowsFrom: TypeAlias = Annotated[
    Path | None, typer.Option(help="SQL that inserts better rows, before the rest is made up.")
]
SetUp: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="FILE.sql|MODULE:FUNCTION", help="What makes the things that the first revision expects."),
]
Env: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME[=VALUE]", help="A variable for env.py; without a value, the sandbox's address."),
]
X: TypeAlias = Annotated[list[str] | None, typer.Option("-x", metavar="NAME=VALUE", help="As alembic -x.")]
Python: TypeAlias = Annotated[
    Path | None, typer.Option(help="The Python of the project, when it has an environment of its own.")
]
StatementTimeout: TypeAlias = Annotated[int, typer.Option(help="Seconds that one statement may take.", min=1)]
NoIsolation: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-isolation",
        help="Do not ask the kernel to keep the project's process and the sandbox's server from other databases.",
    ),
]
AllowNetwork: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-network",
        help="Let the project's process use the network: a revision or env.py can then reach a real database.",
    ),
]
Jobs: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        help="Sandboxes that share a long range, each a server of its own. "
        "Default: one for each processor, at most four; one with --sandbox-url.",
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        from adapter.bootstrap.version import version

        typer.echo(version())
        raise typer.Exit


Version: TypeAlias = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
]


def before_the_command(context: typer.Context, config: Config = None, version: Version = False) -> None:  # noqa: ARG001
    """Take `-c` where `alembic` has it, too: before the command."""
    name = context.invoked_subcommand
    if config is None or name is None:
        return
    command = context.command.commands[name]  # type: ignore[attr-defined]
    if not any(parameter.name == "config" for parameter in command.params):
        raise typer.BadParameter(f"{name} knows this project only: leave it out", param_hint="--config")
    context.default_map = {name: {"config": str(config)}}


def warn_of_open_walls(*, no_isolation: bool, allow_network: bool) -> None:
    """Say on stderr what may be reached that is out of reach by default."""
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
