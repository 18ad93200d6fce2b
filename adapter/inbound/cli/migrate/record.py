"""`migrate record`: record the statements of an application for `migrate verify --statements`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Example: migrate record -- pytest tests · migrate verify --statements statements.json",
)
def record(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND ARGS…", help="The command to run and record.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File of the statements.")] = Path("statements.json"),
    append: Annotated[bool, typer.Option("--append", help="Add to the statements that the file has.")] = False,
    values: Annotated[
        bool,
        typer.Option(
            "--values/--no-values",
            help="An example of each statement's values, which may be personal data; without, NULL stands for each.",
        ),
    ] = True,
) -> None:
    """Run a command and write down the statements that it sends through SQLAlchemy to Postgres.

    All its Python processes are listened to. Each statement is kept once; queries of catalogs, settings and schema
    changes are left out. What the text of a statement says itself is kept, with --no-values as well. The file is
    written also when the command fails or is interrupted; its exit code is passed on.
    """
    from adapter.bootstrap.record import record_statements

    code, count = record_statements(command, output, append=append, values=values)
    typer.echo(f"{count} statements in {output}", err=True)
    if code:
        raise typer.Exit(code)
