"""`migrate new-service`: write a new hexagonal service with one model and an empty history."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from adapter.inbound.cli.group import checked_name

app = typer.Typer()


@app.command("new-service", epilog="Examples: migrate new-service ../bookshop · migrate new-service . --name bookshop")
def new_service(
    folder: Annotated[
        Path, typer.Argument(callback=checked_name, help="The folder of the service. It must be new or empty.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the service and of its command. Default: the name of the folder.")
    ] = None,
) -> None:
    """Write a new service into a folder: this project with one model, and without its shop and its revisions."""
    from adapter.bootstrap.new_service import write_service

    service_name = write_service(folder, name)
    typer.echo(f"{folder}: the service {service_name}, with one model and no revision yet. Next:")
    # `make migrate` makes the environment; this shell may have another, or none.
    revision = '.venv/bin/alembic revision --autogenerate -m "notes"'
    for command in (f"cd {shlex.quote(str(folder))}", "make migrate", "make test", revision):
        typer.echo(f"  {command}")
