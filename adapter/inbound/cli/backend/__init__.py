"""The command `backend`: what the application does. Each file here is a command, except those named `_…`."""

from typing import TYPE_CHECKING

from adapter.inbound.cli.errors import run

if TYPE_CHECKING:
    import typer

HELP = "Users, products, orders and documents, on Postgres with pgvector."


def build() -> "typer.Typer":
    """Return the command line with the commands of this folder."""
    from adapter.inbound.cli.backend._actor import name_the_actor
    from adapter.inbound.cli.group import collect

    return collect(__name__, __path__, name="backend", help=HELP, rich_markup_mode="markdown", callback=name_the_actor)


def main() -> None:
    """Run the command line."""
    run(build)
