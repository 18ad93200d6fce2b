"""`migrate history`: show past deployments of a database."""

import sys
from typing import Annotated

import typer

from adapter.inbound.cli import options

app = typer.Typer()

EXAMPLES = (
    "Examples: migrate history · migrate history --limit 1 --format json · migrate history --journal file · "
    "migrate history -c ../shop/alembic.ini --url postgresql://reader@db.example.com/shop"
)


@app.command(epilog=EXAMPLES)
def history(
    config: options.Config = None,
    url: options.URL = None,
    journal: options.Journal = options.JournalPlace.DATABASE,
    journal_folder: options.JournalFolder = None,
    limit: Annotated[int | None, typer.Option(help="Number of deployments, newest first. Default: all.", min=1)] = None,
    form: Annotated[str, options.report_format("history")] = "text",
) -> None:
    """Show past deployments, newest first: what was expected of each step beside what happened, and who ran it.

    The database is only read. With `--journal file` no database is asked, and the deployments that were run from this
    machine are shown, to whatever database.
    """
    from adapter.bootstrap.history import read_history, render_history

    report = read_history(config, url, (journal.value, journal_folder), limit)
    typer.echo(render_history(report, form, color=sys.stdout.isatty() and form == "text"))
