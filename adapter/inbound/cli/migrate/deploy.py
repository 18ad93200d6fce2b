"""`migrate deploy`: upgrade a database while its application keeps serving."""

from dataclasses import replace
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
def deploy(
    project: "ProjectRequest",
    goal: options.Goal = "heads",
    url: deploying.URL = None,
    production: options.Production = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            callback=checked_name,
            help="A plan that was reviewed, from migrate plan --format json. It is planned again, and refused if "
            "the database or a file has changed since.",
        ),
    ] = None,
    yes: deploying.Yes = False,
    stall: deploying.Stall = 0.1,
    longest_stall: deploying.LongestStall = 1.0,
    deadline: deploying.Deadline = 300.0,
    cancel_blockers: deploying.CancelBlockers = deploying.Blockers.NONE,
    wait: deploying.Wait = 0.0,
    backup: deploying.Backup = deploying.Scope.NONE,
    backup_to: deploying.BackupTo = None,
    backup_command: deploying.BackupCommand = "",
    verify_backup: deploying.VerifyBackup = False,
    keep: deploying.Keep = None,
    certificates: options.Certificates = None,
    journal: options.Journal = options.JournalPlace.DATABASE,
    journal_folder: options.JournalFolder = None,
    form: Annotated[str, options.report_format("deployment")] = "text",
) -> None:
    """Upgrade a database while its application keeps serving: plan, check, apply with short locks, verify.

    Nothing is written until the plan and all checks were shown and agreed to. Each revision runs in a transaction of
    its own, or as it says itself. A lock for which others would wait is only asked for in a quiet moment. Exit with 1
    if a check fails, with 3 if a step does; the last lines then say where the database is and how to go on.
    """
    from adapter.bootstrap.deploy import DeployRequest, backup_request
    from adapter.bootstrap.plan import PlanRequest, lock_policy

    saved = backup_request(backup.value, backup_to, project.config, journal_folder)
    request = DeployRequest(
        wait,
        journal.value,
        journal_folder,
        replace(saved, keep=keep, verified=verify_backup, command=backup_command),
    )
    policy = lock_policy(stall, longest_stall, deadline, cancel_blockers.value)
    planned = PlanRequest(goal, url, certificates, options.ROWS_TO_VERIFY, production, policy=policy)
    deploying.carry_out(project, planned, request, form, yes=yes, reviewed=plan)
