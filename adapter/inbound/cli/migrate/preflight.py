"""`migrate preflight`: find what stands in the way of an upgrade, before anything is written."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.progress import Progress

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest

app = typer.Typer()

EXAMPLES = (
    "Examples: migrate preflight && alembic upgrade head · migrate preflight --format json · "
    "migrate preflight -c ../shop/alembic.ini --url postgresql://deployer@db.example.com/shop"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
def preflight(
    project: "ProjectRequest",
    goal: options.Goal = "heads",
    url: Annotated[
        str | None,
        typer.Option(help="The database, as the role that will migrate, in place of DATABASE_URL."),
    ] = None,
    production: options.Production = None,
    certificates: options.Certificates = None,
    form: Annotated[str, options.report_format("preflight")] = "text",
) -> None:
    """Check a database before an upgrade: sessions in the way, rights, drift, invalid indexes, standbys and more.

    The database is only read. What is checked depends on the locks that its pending revisions take, which are measured
    in a sandbox. Exit with 1 if something stops the upgrade, or could not be read.
    """
    from adapter.bootstrap.plan import PlanRequest
    from adapter.bootstrap.preflight import render_preflight, run_preflight

    with Progress() as progress:
        request = PlanRequest(goal, url, certificates, options.ROWS_TO_VERIFY, production)
        report = run_preflight(project, request, progress)
    color = sys.stdout.isatty() and form == "text"
    typer.echo(render_preflight(report, form, color=color))
    if report.failed:
        raise typer.Exit(1)
