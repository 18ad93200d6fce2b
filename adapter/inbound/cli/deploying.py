"""What `migrate deploy` and `migrate downgrade` share: their options, the question, and the work."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_name
from adapter.inbound.cli.progress import Progress
from adapter.inbound.cli.stopping import stopped_in_order

if TYPE_CHECKING:
    from adapter.bootstrap.deploy import DeployRequest, Prepared
    from adapter.bootstrap.plan import PlanRequest
    from adapter.bootstrap.project import ProjectRequest
    from domain.migration.deployment.lock_policy import LockPolicy

_INTERRUPTED = 130


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


Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first step.")]
Stall: TypeAlias = Annotated[
    float,
    typer.Option(
        min=0.001,
        help="Seconds for which statements of the application may wait behind an attempt to lock a table.",
    ),
]
LongestStall: TypeAlias = Annotated[
    float, typer.Option(min=0.001, help="Seconds to which that may grow while there is no quiet moment.")
]
Deadline: TypeAlias = Annotated[
    float, typer.Option(min=0.0, help="Seconds after which a step that gets no lock is given up.")
]
CancelBlockers: TypeAlias = Annotated[
    Blockers,
    typer.Option(
        help="Who is ended after some seconds in the way: sessions that do nothing in an open transaction, or "
        "autovacuum, which begins again later."
    ),
]
Wait: TypeAlias = Annotated[float, typer.Option(min=0.0, help="Seconds to wait for another deployment to end.")]
Backup: TypeAlias = Annotated[
    Scope,
    typer.Option(
        help="What is saved before the first lock. schema: no rows. touched: the rows of tables that the steps "
        "rewrite, update, delete from or drop. full: all rows. command: what --backup-command makes.",
    ),
]
BackupTo: TypeAlias = Annotated[
    Path | None,
    typer.Option(callback=checked_name, help="The folder of backups. Default: backups in that of the journal."),
]
BackupCommand: TypeAlias = Annotated[
    str, typer.Option(help="Your own program with its arguments, for --backup command. No shell reads it.")
]
VerifyBackup: TypeAlias = Annotated[
    bool, typer.Option("--verify-backup", help="Restore it on an embedded server first, and compare all values.")
]
Keep: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Keep so many backups of this database, and remove older ones.")
]


_LIMITS: Mapping[str, tuple[Any, Any]] = {
    "stall": (Stall, 0.1),
    "longest_stall": (LongestStall, 1.0),
    "deadline": (Deadline, 300.0),
    "cancel_blockers": (CancelBlockers, Blockers.NONE),
}
_DEPLOYMENT: Mapping[str, tuple[Any, Any]] = {
    "url": (options.URL, None),
    "production": (options.Production, None),
    "yes": (Yes, False),
    **_LIMITS,
    "wait": (Wait, 0.0),
    "backup": (Backup, Scope.NONE),
    "backup_to": (BackupTo, None),
    "backup_command": (BackupCommand, ""),
    "verify_backup": (VerifyBackup, False),
    "keep": (Keep, None),
    "certificates": (options.Certificates, None),
    "journal": (options.Journal, options.JournalPlace.DATABASE),
    "journal_folder": (options.JournalFolder, None),
}


@dataclass(frozen=True)
class Chosen:
    """What a user has chosen for a deployment, besides where it leads.

    Attributes:
        url: The database, as for `PlanRequest`, like the next three.
        production: The only database that may be meant.
        certificates: The file of certificates.
        policy: For how long locks may make others wait.
        request: How to deploy.
        yes: Whether to begin without a question.
    """

    url: str | None
    production: str | None
    certificates: Path | None
    policy: "LockPolicy"
    request: "DeployRequest"
    yes: bool

    def plan_to(self, goal: str, *, is_downgrade: bool = False) -> "PlanRequest":
        """Return the plan that leads to a goal."""
        from adapter.bootstrap.plan import PlanRequest

        rows = options.ROWS_TO_VERIFY
        return PlanRequest(goal, self.url, self.certificates, rows, self.production, is_downgrade, self.policy)


def takes_limits(command: Callable[..., None]) -> Callable[..., None]:
    """Add the limits of locks to a command, whose parameter `policy` receives a `LockPolicy`."""
    return options.handing("policy", _LIMITS, _policy)(command)


def takes_deployment(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a deployment to a command, whose parameter `chosen` receives a `Chosen`.

    `options.takes_project` stands above this decorator, because the journal is beside the project.
    """
    return options.handing("chosen", _DEPLOYMENT, _chosen)(command)


def _policy(_others: Mapping[str, Any], **values: Any) -> "LockPolicy":
    from adapter.bootstrap.plan import lock_policy

    return lock_policy(values["stall"], values["longest_stall"], values["deadline"], values["cancel_blockers"].value)


def _chosen(others: Mapping[str, Any], **values: Any) -> Chosen:
    from adapter.bootstrap.deploy import DeployRequest, backup_request

    folder = values["journal_folder"]
    saved = replace(
        backup_request(values["backup"].value, values["backup_to"], others["project"].config, folder),
        keep=values["keep"],
        verified=values["verify_backup"],
        command=values["backup_command"],
    )
    return Chosen(
        values["url"],
        values["production"],
        values["certificates"],
        _policy(others, **values),
        DeployRequest(values["wait"], values["journal"].value, folder, saved),
        values["yes"],
    )


def carry_out(
    project: "ProjectRequest",
    planned: "PlanRequest",
    request: "DeployRequest",
    form: str,
    *,
    yes: bool,
    reviewed: Path | None = None,
) -> None:
    """Plan and check a deployment, ask, and carry it out.

    Args:
        project: The project.
        planned: The database, and where to.
        request: How to deploy.
        form: The name of the output format.
        yes: Whether to begin without a question.
        reviewed: The file of a plan that must be the same; None for none.

    Raises:
        typer.Exit: With 1 if a check fails, 2 if nobody can be asked, 3 if a step fails, 130 if the user ends it.
    """
    from adapter.bootstrap.deploy import prepared

    progress = Progress()
    progress.__enter__()
    try:
        with prepared(project, planned, request, progress, reviewed) as ready:
            progress.__exit__()
            _show(ready, form)
            ready.require_confirmed()
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
    count, address = (len(plan.steps), plan.target.address) if plan else (0, "")
    asked = f"Undo {count} steps of {address}?" if plan and plan.is_downgrade else f"Apply {count} steps to {address}?"
    if not typer.confirm(asked):
        typer.echo("Nothing was done.")
        raise typer.Exit(1)


def _deploy(ready: "Prepared", form: str, config: Path | None) -> None:
    from adapter.bootstrap.deploy import events, render_deployment
    from adapter.bootstrap.errors import reachable
    from domain.migration.deployment.undoing import confirming

    with stopped_in_order() as stopping:
        report = ready.deploy(events(form, typer.echo), stopping)
        typer.echo(render_deployment(report, form, color=sys.stdout.isatty() and form == "text"))
        if report.not_done and form == "text":
            command = f"downgrade {' '.join(report.plan.goal) or 'base'}" if report.plan.is_downgrade else "deploy"
            names = confirming(item.name for item in report.plan.destroys)
            project = ["-c", shlex.quote(str(config))] if config else []
            typer.echo(reachable(" ".join([f"To go on: migrate {command}", *names, *project])))
    if report.interrupted:
        raise typer.Exit(_INTERRUPTED)
    if report.failed:
        raise typer.Exit(3 if report.not_done else 1)
