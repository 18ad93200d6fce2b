"""`migrate plan`: say what an upgrade of a database will do, before anything is written."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.progress import Progress

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest

app = typer.Typer()

EXAMPLES = (
    "Examples: migrate plan · migrate plan +1 · migrate plan --format html > plan.html · "
    "migrate plan -c ../shop/alembic.ini --url postgresql://reader@db.example.com/shop"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
def plan(
    project: "ProjectRequest",
    goal: options.Goal = "heads",
    url: Annotated[str | None, typer.Option(help="The database, in place of DATABASE_URL.")] = None,
    certificates: options.Certificates = None,
    form: Annotated[str, options.report_format("plan")] = "text",
) -> None:
    """Show what an upgrade of a database will do: steps, durations, locks, and the way back from each step.

    The database is only read. Its pending revisions are measured in a sandbox at the sizes of its tables, and those
    without a valid certificate are proved there. Exit with 1 if a revision is not safe.
    """
    from adapter.bootstrap.plan import PlanRequest, plan_upgrade, render_plan

    with Progress() as progress:
        request = PlanRequest(goal, url, certificates, options.ROWS_TO_VERIFY)
        planned = plan_upgrade(project, request, progress)
    color = sys.stdout.isatty() and form == "text"
    typer.echo(render_plan(planned, form, color=color))
    if planned.unsafe:
        raise typer.Exit(1)
