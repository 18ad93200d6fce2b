"""The command `migrate`: what Alembic leaves out. Each file of this folder is a command; adding a file adds one."""

from typing import TYPE_CHECKING

from adapter.inbound.cli.errors import run

if TYPE_CHECKING:
    import typer

HELP = """Evolve a Postgres + pgvector database: what Alembic leaves out.

The database is DATABASE_URL (environment or .env), or an embedded Postgres that starts by itself.
Schema changes themselves are plain Alembic: alembic upgrade head.
"""


def build() -> "typer.Typer":
    """Collect the commands."""
    from adapter.inbound.cli.group import collect
    from adapter.inbound.cli.options import before_the_command

    return collect(__name__, __path__, name="migrate", help=HELP, callback=before_the_command)


def main() -> None:
    """Run the command line; the console script."""
    run(build)
