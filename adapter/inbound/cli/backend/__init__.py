"""The command `backend`: what the application does, one file a command."""

from typing import TYPE_CHECKING

from adapter.inbound.cli.errors import run

if TYPE_CHECKING:
    import typer


def build() -> "typer.Typer":
    """Collect the commands."""
    from adapter.inbound.cli.backend.app import build as collect

    return collect()


def main() -> None:
    """Run the command line."""
    run(build)
