"""`migrate record`: record the statements of an application for `migrate verify --statements`."""

from pathlib import Path
from typing import Annotated

import typer

from adapter.inbound.cli.group import checked_name

app = typer.Typer()


@app.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Example: migrate record -- pytest tests · migrate verify --statements statements.json",
)
def record(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND ARGS…", help="The command to run and record.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", callback=checked_name, help="The file to write the statements into.")
    ] = Path("statements.json"),
    append: Annotated[bool, typer.Option("--append", help="Keep the statements that the file has already.")] = False,
    values: Annotated[
        bool,
        typer.Option(
            "--values/--no-values",
            help="Whether to record an example of each statement's values, which may be personal data, or NULLs.",
        ),
    ] = True,
) -> None:
    """Run a command and write down the statements that it sends through SQLAlchemy to Postgres.

    The statements of all its Python processes are recorded, each of them once. Queries of catalogs, settings and
    schema changes are left out. Values that stand in the text of a statement are kept even with --no-values. The file
    is written even if the command fails or is interrupted. The exit code is that of the command.
    """
    from adapter.bootstrap.record import record_statements

    code, count = record_statements(command, output, append=append, values=values)
    typer.echo(f"{count} statements in {output}", err=True)
    if code:
        raise typer.Exit(code)
