"""The command `migrate`: what Alembic lacks. Each file of this folder is a command."""

from typing import TYPE_CHECKING

from adapter.inbound.cli.errors import run

if TYPE_CHECKING:
    import typer

HELP = """Analyze, prove and run Alembic migrations on Postgres + pgvector.

The database is DATABASE_URL (environment or .env), or an embedded Postgres that starts by itself.
Plain Alembic still changes the schema: alembic upgrade head.
"""


def build() -> "typer.Typer":
    """Return the command line with the commands of this folder."""
    from adapter.inbound.cli.group import collect
    from adapter.inbound.cli.options import before_the_command

    return collect(__name__, __path__, name="migrate", help=HELP, callback=before_the_command)


def main() -> None:
    """Run the command line, as the console script does."""
    run(build)
