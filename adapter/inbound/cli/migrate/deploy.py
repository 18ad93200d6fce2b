"""`migrate deploy`: upgrade a database while its application keeps serving."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import deploying, options
from adapter.inbound.cli.group import checked_name

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest

app = typer.Typer()


EXAMPLES = (
    "Examples: migrate deploy · migrate plan --format json > plan.json, then migrate deploy --plan plan.json --yes · "
    "migrate deploy +1 --longest-stall 0.5 -c ../shop/alembic.ini --url postgresql://deployer@db.example.com/shop"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
@deploying.takes_deployment
def deploy(
    project: "ProjectRequest",
    chosen: deploying.Chosen,
    goal: options.Goal = "heads",
    plan: Annotated[
        Path | None,
        typer.Option(
            callback=checked_name,
            help="A plan that was reviewed, from migrate plan --format json. It is planned again, and refused if "
            "the database or a file has changed since.",
        ),
    ] = None,
    form: Annotated[str, options.report_format("deployment")] = "text",
) -> None:
    """Upgrade a database while its application keeps serving: plan, check, apply with short locks, verify.

    Nothing is written until the plan and all checks were shown and agreed to. Each revision runs in a transaction of
    its own, or as it says itself. A lock for which others would wait is only asked for in a quiet moment. Exit with 1
    if a check fails, with 3 if a step does; the last lines then say where the database is and how to go on.
    """
    deploying.carry_out(project, chosen.plan_to(goal), chosen.request, form, yes=chosen.yes, reviewed=plan)
