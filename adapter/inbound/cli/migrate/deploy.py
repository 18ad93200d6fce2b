"""`migrate deploy`: upgrade a database while its application keeps serving."""

import json
import shlex
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_name
from adapter.inbound.cli.progress import Progress
from adapter.inbound.cli.stopping import stopped_in_order

if TYPE_CHECKING:
    from adapter.bootstrap.deploy import Prepared
    from adapter.bootstrap.project import ProjectRequest

app = typer.Typer()


class Blockers(StrEnum):
    """Sessions that may be ended."""

    NONE = "none"
    IDLE = "idle-in-transaction"
    AUTOVACUUM = "autovacuum"


class Scope(StrEnum):
    """What a backup contains."""

    NONE = "none"
    SCHEMA = "schema"
    TOUCHED = "touched"
    FULL = "full"
    COMMAND = "command"


EXAMPLES = (
    "Examples: migrate deploy · migrate plan --format json > plan.json, then migrate deploy --plan plan.json --yes · "
    "migrate deploy +1 --longest-stall 0.5 -c ../shop/alembic.ini --url postgresql://deployer@db.example.com/shop"
)
_INTERRUPTED = 130


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
def deploy(
    project: "ProjectRequest",
    goal: options.Goal = "heads",
    url: Annotated[str | None, typer.Option(help="The database, in place of DATABASE_URL.")] = None,
    production: options.Production = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            callback=checked_name,
            help="A plan that was reviewed, from migrate plan --format json. It is planned again, and refused if "
            "the database or a file has changed since.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first step.")] = False,
    stall: Annotated[
        float,
        typer.Option(
            min=0.001,
            help="Seconds for which statements of the application may wait behind an attempt to lock a table.",
        ),
    ] = 0.1,
    longest_stall: Annotated[
        float, typer.Option(min=0.001, help="Seconds to which that may grow while there is no quiet moment.")
    ] = 1.0,
    deadline: Annotated[
        float, typer.Option(min=0.0, help="Seconds after which a step that gets no lock is given up.")
    ] = 300.0,
    cancel_blockers: Annotated[
        Blockers,
        typer.Option(
            help="Who is ended after some seconds in the way: sessions that do nothing in an open transaction, or "
            "autovacuum, which begins again later."
        ),
    ] = Blockers.NONE,
    wait: Annotated[float, typer.Option(min=0.0, help="Seconds to wait for another deployment to end.")] = 0.0,
    backup: Annotated[
        Scope,
        typer.Option(
            help="What is saved before the first lock. schema: no rows. touched: the rows of tables that the upgrade "
            "rewrites, updates, deletes from or drops. full: all rows. command: what --backup-command makes.",
        ),
    ] = Scope.NONE,
    backup_to: Annotated[
        Path | None,
        typer.Option(callback=checked_name, help="The folder of backups. Default: backups in that of the journal."),
    ] = None,
    backup_command: Annotated[
        str, typer.Option(help="Your own program with its arguments, for --backup command. No shell reads it.")
    ] = "",
    verify_backup: Annotated[
        bool, typer.Option("--verify-backup", help="Restore it on an embedded server first, and compare all values.")
    ] = False,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Keep so many backups of this database, and remove older ones.")
    ] = None,
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
    from adapter.bootstrap.deploy import DeployRequest, backup_request, lock_policy, prepared
    from adapter.bootstrap.plan import PlanRequest

    saved = backup_request(backup.value, backup_to, project.config, journal_folder)
    request = DeployRequest(
        lock_policy(stall, longest_stall, deadline, cancel_blockers.value),
        wait,
        journal.value,
        journal_folder,
        replace(saved, keep=keep, verified=verify_backup, command=backup_command),
    )
    planned = PlanRequest(goal, url, certificates, options.ROWS_TO_VERIFY, production)
    progress = Progress()
    progress.__enter__()
    try:
        with prepared(project, planned, request, progress, plan) as ready:
            progress.__exit__()
            _show(ready, form)
            _confirm(ready, form, yes=yes)
            _deploy(ready, form, project.config)
    finally:
        progress.__exit__()


def _show(ready: "Prepared", form: str) -> None:
    """Print the plan and what was checked.

    Raises:
        typer.Exit: A check has failed, or there is nothing to do.
    """
    from adapter.bootstrap.plan import render_plan
    from adapter.bootstrap.preflight import render_preflight

    color = sys.stdout.isatty()
    plan = ready.preflight.plan
    if form == "text":
        if plan is not None:
            typer.echo(render_plan(plan, "text", color=color) + "\n")
        typer.echo(render_preflight(ready.preflight, "text", color=color) + "\n")
    else:
        for name, report in (
            ("plan", render_plan(plan, "json", color=False) if plan is not None else "{}"),
            ("preflight", render_preflight(ready.preflight, "json", color=False)),
        ):
            typer.echo(json.dumps({"event": name, **json.loads(report)}, ensure_ascii=False))
    if ready.preflight.failed:
        raise typer.Exit(1)
    if plan is not None and not plan.steps:
        raise typer.Exit


def _confirm(ready: "Prepared", form: str, *, yes: bool) -> None:
    """Ask whether to begin, unless that is decided.

    Raises:
        typer.Exit: The user does not want to, or cannot be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty() or form != "text":
        typer.echo("Nothing was done: there is nobody to ask.\n  hint: --yes begins without a question", err=True)
        raise typer.Exit(2)
    plan = ready.preflight.plan
    if not typer.confirm(f"Apply {len(plan.steps) if plan else 0} steps to {plan.target.address if plan else ''}?"):
        typer.echo("Nothing was done.")
        raise typer.Exit(1)


def _deploy(ready: "Prepared", form: str, config: Path | None) -> None:
    from adapter.bootstrap.deploy import events, render_deployment
    from adapter.bootstrap.errors import reachable

    with stopped_in_order() as stopping:
        report = ready.deploy(events(form, typer.echo), stopping)
        typer.echo(render_deployment(report, form, color=sys.stdout.isatty() and form == "text"))
        if report.not_done and form == "text":
            typer.echo(reachable(f"To go on: migrate deploy{f' -c {shlex.quote(str(config))}' if config else ''}"))
    if report.interrupted:
        raise typer.Exit(_INTERRUPTED)
    if report.failed:
        raise typer.Exit(3 if report.not_done else 1)
