"""Wiring of `migrate deploy` and `migrate downgrade`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapter.bootstrap.backup import BackupRequest, backup_taker
from adapter.bootstrap.journal import journal_of
from adapter.bootstrap.plan import Planner, PlanRequest, planner
from adapter.bootstrap.project import ProjectRequest, configuration

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.outbound.migration.project.jobs import AgentJob
    from adapter.outbound.migration.report.events_of_deployments import DeploymentEvents
    from domain.migration.deployment.deployment import DeploymentReport
    from domain.migration.deployment.preflight import PreflightReport


@dataclass(frozen=True)
class DeployRequest:
    """The arguments of `migrate deploy` besides those of its plan.

    Attributes:
        wait: Seconds to wait for another deployment of the database.
        journal: Where attempts are recorded: `database`, and in a file as well, or `file` alone.
        journal_folder: The folder of the file; None for one beside the configuration file of the project.
        backup: What is saved before the first step, and where.
        confirmed: What a downgrade may take away, by name.
    """

    wait: float
    journal: str
    journal_folder: "Path | None"
    backup: BackupRequest
    confirmed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """A deployment before anything is written.

    Attributes:
        preflight: What was found; it has the plan.
        require_confirmed: Raises an error if the plan takes away something that was not confirmed.
        deploy: Applies the plan; its arguments are what hears of it, and what says whether to stop after a step.
    """

    preflight: "PreflightReport"
    require_confirmed: "Callable[[], None]"
    deploy: "Callable[[DeploymentEvents, Callable[[], bool]], DeploymentReport]"


@contextmanager
def prepared(
    project: ProjectRequest,
    plan: PlanRequest,
    request: DeployRequest,
    progress: "Callable[..., object]",
    reviewed: "Path | None" = None,
) -> "Iterator[Prepared]":
    """Plan and check a deployment, and yield what carries it out; up to then the database is only read.

    Args:
        project: The project, and the sandbox in which its revisions are measured and proved.
        plan: The database, and where to upgrade it to.
        request: How to deploy.
        progress: Called before each revision that is measured or proved.
        reviewed: The file of a plan that must be the same; None for none.

    Raises:
        StalePlanError: The reviewed plan is not what would be done now.
        DatabaseError: The database or the sandbox cannot be had, or no database is named.
        MigrationError: The goal, the history or the certificates cannot be read.
    """
    from adapter.outbound.migration.project.settings import read_project_settings
    from adapter.outbound.migration.target.plan_file import read_plan_key
    from adapter.outbound.migration.target.preflight import SessionChecks
    from adapter.outbound.migration.target.probes import ConfiguredProbes
    from application.migration.run_preflight import RunPreflight
    from domain.migration.deployment.undoing import require_confirmed

    key = None if reviewed is None else read_plan_key(reviewed)
    config = configuration(project.config)
    folder = request.journal_folder or config.parent
    with (
        planner(project, plan, "migrate downgrade" if plan.is_downgrade else "migrate deploy") as made,
        journal_of(request.journal, folder, made.database, made.plan.target.identity()) as journal,
    ):
        probes = ConfiguredProbes(read_project_settings(config).probes, made.database, config.parent)
        run = RunPreflight(made.plan, made.project, made.certificates, SessionChecks(made.database), journal)
        taker = backup_taker(made.database, request.backup, made.project.version_tables())
        report = run(plan.goal, made.statistics, progress, made.start_after, key)

        def deploy(events: "DeploymentEvents", stopping: "Callable[[], bool]") -> "DeploymentReport":
            from adapter.outbound.migration.project.configuration import interpreter
            from adapter.outbound.migration.target.applier import AgentApplier
            from adapter.outbound.migration.target.deployer import deployer
            from adapter.outbound.migration.target.output import handed_on, write_to_stderr
            from adapter.outbound.migration.target.walled import deploying_process

            assert report.plan is not None  # noqa: S101 - without one, the preflight has failed
            with (
                handed_on(write_to_stderr) as output,
                deploying_process(
                    interpreter(project.python),
                    _job(project, made, is_downgrade=plan.is_downgrade),
                    made.database,
                    isolated=project.isolated,
                    network=project.network,
                    output=output,
                ) as (process, job),
                AgentApplier(process, job, made.database, report.plan.policy, events.waits) as applier,
            ):
                use_case = deployer(
                    made.project,
                    made.plan.target,
                    made.plan.files,
                    applier,
                    journal,
                    probes,
                    (taker, request.backup.scope),
                    made.database,
                    request.wait,
                    frozenset(request.confirmed),
                )
                return use_case(report.plan, events, stopping)

        def check() -> None:
            if report.plan is not None:
                require_confirmed(report.plan, request.confirmed)

        yield Prepared(report, check, deploy)


def _job(project: ProjectRequest, made: Planner, *, is_downgrade: bool) -> "AgentJob":
    from adapter.outbound.migration.project.agent.protocol import Command
    from adapter.outbound.migration.project.settings import read_project_settings, variables
    from adapter.outbound.migration.target.upgrade import upgrade_job

    config = configuration(project.config)
    return upgrade_job(
        config,
        made.database,
        is_named=project.config is not None,
        name=project.name,
        environment=variables((*read_project_settings(config).env, *project.environment)),
        x_arguments=project.x_arguments,
        command=Command.DEPLOY_UNDO if is_downgrade else Command.DEPLOY,
    )


def events(form: str, write: "Callable[[str], object]") -> "DeploymentEvents":
    """Return what writes the events of a deployment in a format: text or json.

    Args:
        form: The name of the format.
        write: Receives each line, without its end.
    """
    from adapter.outbound.migration.report.events_of_deployments import JSONEvents, TextEvents

    return JSONEvents(write) if form == "json" else TextEvents(write)


def backup_request(
    scope: str, folder: "Path | None", config: "Path | None", journal_folder: "Path | None"
) -> BackupRequest:
    """Return what is saved before the first step, without the options of a backup.

    Args:
        scope: What the backup contains, by its name.
        folder: The folder of backups; None for one in the folder of the journal.
        config: The configuration file of the project; None as for `ProjectRequest`.
        journal_folder: Where the folder of the journal is; None for beside that file.
    """
    from adapter.outbound.migration.target.journal.local_file import place_in
    from domain.migration.deployment.backup import BackupScope

    usual = place_in(journal_folder or configuration(config).parent).parent / "backups"
    return BackupRequest(BackupScope(scope), folder or usual)


def render_deployment(report: "DeploymentReport", form: str, *, color: bool) -> str:
    """Return the end of a deployment in a format: text or json.

    Args:
        report: The report.
        form: The name of the format.
        color: Whether the text is colored.
    """
    from adapter.outbound.migration.report import writers

    return writers.render_deployment(report, form, color=color)
