"""The actor of a command: an option before every command."""

import getpass
from typing import Annotated

import typer

from adapter.inbound.cli.options import Version


def name_the_actor(
    context: typer.Context,
    actor: Annotated[
        str | None,
        typer.Option(
            envvar="BACKEND_ACTOR",
            help="Name for the audit trail. Default: the user of the operating system.",
            show_default=False,
        ),
    ] = None,
    version: Version = False,  # noqa: ARG001 - its callback ends the program
) -> None:
    """Store the name of the actor in the context of the command."""
    context.obj = actor or getpass.getuser()
