"""`migrate up`: `alembic upgrade head` on a real database of any project, and `migrate status` of it."""

from typing import Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.migrate.status import print_next, print_status

app = typer.Typer()

EXAMPLES = "Examples: migrate up · migrate up -c other/alembic.ini --url postgresql://owner@db.example.com/shop"


@app.command(epilog=EXAMPLES)
def up(
    config: options.Config = None,
    name: options.Name = "alembic",
    url: options.URL = None,
    env: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=VALUE]", help="A variable for env.py; without a value, the database's address."),
    ] = None,
    x: options.X = None,
    python: options.Python = None,
) -> None:
    """Run `alembic upgrade head`, then show where the database stands.

    The project's own env.py runs in the project's own Python. Its connections are led to the database that is named,
    whatever address it has.
    """
    from adapter.bootstrap.project import configuration, is_this_project
    from adapter.bootstrap.up import UpgradeRequest, upgrade

    print_status(upgrade(UpgradeRequest(config, name, url, python, tuple(env or ()), tuple(x or ()))))
    if is_this_project(configuration(config)):
        print_next()
