"""`migrate up`: `alembic upgrade head` and `migrate status` in one process, because both mostly wait for imports."""

import typer

from adapter.inbound.cli.migrate.status import print_next, print_status

app = typer.Typer()


@app.command(epilog="Example: migrate up")
def up() -> None:
    """Run `alembic upgrade head`, then show where the database stands and what to try next."""
    from adapter.bootstrap.status import status_of_this_project
    from adapter.bootstrap.target import upgrade_to_head

    upgrade_to_head()
    print_status(status_of_this_project())
    print_next()
