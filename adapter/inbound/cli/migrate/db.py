"""`migrate db`: control the embedded Postgres of the project."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from adapter.inbound.cli.group import checked_name

app = typer.Typer(
    name="db",
    no_args_is_help=True,
    help="Start, stop and open the project's embedded Postgres, which starts when it is needed.",
)

Major = Annotated[
    int | None,
    typer.Option("--pg", metavar="16|18", help="Major version (default: HEXALEMBIC_POSTGRES_VERSION, else 18)."),
]
_PSQL_VARIABLES = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|TERMINFO|TMPDIR|TZ|COLUMNS|LINES|LANG|LANGUAGE|LC_\w+|NO_COLOR|INPUTRC"
    r"|(?:PSQL_)?(?:EDITOR|PAGER)|VISUAL|LESS\w*|MORE|PSQL\w*|PG_COLORS?|PGAPPNAME|PGCLIENTENCODING|PGTZ|PGDATESTYLE"
    r"|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|DISPLAY|WAYLAND_DISPLAY|XDG_\w+"
)


class Format(StrEnum):
    """The output formats of `migrate db status`."""

    TEXT = "text"
    JSON = "json"


@app.command(epilog="Example: psql $(migrate db url)")
def url(
    database: Annotated[
        str, typer.Option(callback=checked_name, help="Name of the database, which is created if it does not exist.")
    ] = "hexalembic",
    pg: Major = None,
) -> None:
    """Start the server, and print nothing but its URL.

    The server waits some seconds for a client (HEXALEMBIC_POSTGRES_LINGER, default 5), and runs as long as a client is
    connected.
    """
    from adapter.bootstrap import db as embedded

    server = embedded.start(pg)
    embedded.ensure_database(server, database)
    typer.echo(server.url(database))


@app.command(epilog="Example: migrate db start --pg 16")
def start(pg: Major = None) -> None:
    """Start the server, and keep it running until `migrate db stop`, even if nobody uses it."""
    from adapter.bootstrap import db as embedded

    server = embedded.start(pg, keep=True)
    typer.echo(f"Postgres {server.major} runs until `migrate db stop`: {server.url()}")


@app.command(epilog="Example: migrate db stop --force")
def stop(
    pg: Major = None,
    force: Annotated[bool, typer.Option("--force", help="Stop it even if it is in use: disconnect everybody.")] = False,
) -> None:
    """Stop the server, and keep its data."""
    from adapter.bootstrap import db as embedded

    typer.echo("stopped" if embedded.stop(pg, force=force) else "it was not running")


@app.command(epilog="Example: migrate db status --format json")
def status(
    pg: Major = None,
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TEXT,
) -> None:
    """Show whether the server runs, who uses it, and where its data is. Start nothing."""
    from adapter.bootstrap import db as embedded

    server_status = embedded.status(pg)
    facts = asdict(server_status) | {"url": server_status.server.url()}
    facts |= {name: facts["server"][name] for name in ("major", "data_directory")}
    del facts["server"]
    if form is Format.JSON:
        typer.echo(json.dumps(facts, default=str, indent=2))
        return
    if server_status.running:
        keep_text = ", until `migrate db stop`" if server_status.keep else ""
        processes = "an unknown number of" if server_status.processes is None else server_status.processes
        typer.echo(f"Postgres {server_status.version} runs (process {server_status.pid}){keep_text}")
        typer.echo(f"used by     {processes} process(es), {server_status.clients} connected client(s)")
        typer.echo(f"url         {facts['url']}")
    else:
        typer.echo(f"Postgres {server_status.server.major} does not run")
    typer.echo(f"data        {server_status.server.data_directory} ({server_status.size / 2**20:.0f} MiB)")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Example: migrate db psql -c 'select version()'",
)
def psql(
    context: typer.Context,
    database: Annotated[
        str, typer.Option(callback=checked_name, help="Name of the database, which is created if it does not exist.")
    ] = "hexalembic",
    pg: Major = None,
) -> None:
    """Open psql on the embedded server. Further arguments are passed to psql."""
    from adapter.bootstrap import db as embedded

    server = embedded.start(pg)
    embedded.ensure_database(server, database)
    command = [str(embedded.binary("psql", server.major)), server.url(database), *context.args]
    with subprocess.Popen(command, env=_psql_environment()) as process:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # psql handles Ctrl-C itself, to cancel a query
        raise typer.Exit(process.wait())


def _psql_environment() -> dict[str, str]:
    """Return the variables for psql, its editor and its pager, without URLs and passwords of other servers."""
    return {name: value for name, value in os.environ.items() if _PSQL_VARIABLES.fullmatch(name)}


@app.command(epilog="Example: migrate db reset --yes")
def reset(
    pg: Major = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Stop it even if it is in use: disconnect everybody.")] = False,
) -> None:
    """Stop the server and delete all its data."""
    from adapter.bootstrap import db as embedded

    directory = embedded.status(pg).server.data_directory
    if not yes:
        if not sys.stdin.isatty():
            typer.echo("there is no terminal to ask on\n  hint: add --yes to delete the data", err=True)
            raise typer.Exit(2)
        if not _confirmed(f"Delete all data in {directory}?"):
            typer.echo("nothing was deleted", err=True)
            raise typer.Exit(1)
    typer.echo(f"deleted {directory}" if embedded.reset(pg, force=force) else f"nothing to delete in {directory}")


def _confirmed(question: str) -> bool:
    """Ask a question, and return whether the answer is yes; Ctrl-C ends the command as everywhere, Ctrl-D is a no."""
    try:
        return input(f"{question} [y/N]: ").strip().lower() in {"y", "yes"}
    except EOFError:
        typer.echo()
        return False
