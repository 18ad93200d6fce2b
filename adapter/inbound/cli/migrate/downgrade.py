"""`migrate downgrade`: take revisions back while the application keeps serving."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import deploying, options
from adapter.inbound.cli.group import checked_range

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest

app = typer.Typer()

EXAMPLES = (
    "Examples: migrate downgrade -1 · migrate downgrade base -c ../shop/alembic.ini · "
    "migrate downgrade 3f2a --confirm-data-loss public.users.nickname --backup touched"
)


# `-1` is a target, as for alembic downgrade.
@app.command(epilog=EXAMPLES, context_settings={"ignore_unknown_options": True})
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
@deploying.takes_deployment
def downgrade(
    project: "ProjectRequest",
    chosen: deploying.Chosen,
    goal: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            callback=checked_range,
            help="Where to go back to: a revision that stays applied, base, or -2 for two revisions back.",
        ),
    ],
    confirm_data_loss: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A table or column, such as public.users.nickname, whose values the downgrade may take away. Each one "
            "has to be named; the plan lists them with the number of rows.",
        ),
    ] = None,
    form: Annotated[str, options.report_format("deployment")] = "text",
) -> None:
    """Take revisions back while the application keeps serving, with short locks, as migrate deploy applies them.

    The plan lists what each downgrade takes away, with the number of rows, and nothing is done until all of it was
    named. A backup (--backup touched) keeps it. Exit with 1 if a check fails, with 2 if a name is missing, with 3 if a
    step fails.
    """
    request = replace(chosen.request, confirmed=tuple(confirm_data_loss or ()))
    deploying.carry_out(project, chosen.plan_to(goal, is_downgrade=True), request, form, yes=chosen.yes)
