"""The command `migrate`: what Alembic leaves out. Each file of this folder is a command; adding a file adds one."""

import importlib
import pkgutil
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
    import typer

    from adapter.inbound.cli.group import RedactingGroup
    from adapter.inbound.cli.options import before_the_command

    app = typer.Typer(
        name="migrate",
        cls=RedactingGroup,
        help=HELP,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        callback=before_the_command,
    )
    for module in pkgutil.iter_modules(__path__):
        if module.name == "__main__":
            continue
        app.add_typer(importlib.import_module(f"{__name__}.{module.name}").app)
    return app


def main() -> None:
    """Run the command line; the console script."""
    run(build)
