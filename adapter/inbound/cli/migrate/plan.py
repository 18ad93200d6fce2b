"""`migrate plan`: say what an upgrade or a downgrade of a database will do, before anything is written."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import deploying, options
from adapter.inbound.cli.group import checked_range
from adapter.inbound.cli.progress import Progress

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest
    from domain.migration.deployment.lock_policy import LockPolicy

app = typer.Typer()

EXAMPLES = (
    "Examples: migrate plan · migrate plan +1 · migrate plan --downgrade -1 · migrate plan --format html > plan.html · "
    "migrate plan -c ../shop/alembic.ini --url postgresql://reader@db.example.com/shop"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
@deploying.takes_limits
def plan(
    project: "ProjectRequest",
    policy: "LockPolicy",
    goal: options.Goal = "heads",
    url: options.URL = None,
    downgrade: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            callback=checked_range,
            help="Plan a downgrade instead, to a revision, base, or -2: what it locks, and what it takes away.",
        ),
    ] = None,
    certificates: options.Certificates = None,
    form: Annotated[str, options.report_format("plan")] = "text",
) -> None:
    """Show what an upgrade of a database will do: steps, durations, locks, and the way back from each step.

    With --downgrade it shows what a downgrade locks and takes away. The database is only read. Its pending revisions
    are measured in a sandbox at the sizes of its tables, and those without a valid certificate are proved there. Exit
    with 1 if a revision is not safe.
    """
    from adapter.bootstrap.plan import PlanRequest, make_plan, render_plan

    with Progress() as progress:
        request = PlanRequest(goal, url, certificates, options.ROWS_TO_VERIFY, policy=policy)
        if downgrade is not None:
            request = replace(request, goal=downgrade, is_downgrade=True)
        planned = make_plan(project, request, progress)
    color = sys.stdout.isatty() and form == "text"
    typer.echo(render_plan(planned, form, color=color))
    if planned.unsafe:
        raise typer.Exit(1)
