"""Wiring of `migrate preflight`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from adapter.bootstrap.journal import IN_DATABASE, journal_of
from adapter.bootstrap.plan import PlanRequest, planner
from adapter.bootstrap.project import ProjectRequest, configuration

if TYPE_CHECKING:
    from domain.migration.deployment.preflight import PreflightReport


def run_preflight(request: ProjectRequest, plan: PlanRequest, progress: "Callable[..., object]") -> "PreflightReport":
    """Find what stands in the way of an upgrade of a database, which is only read.

    Args:
        request: The project, and the sandbox in which its revisions are measured and proved.
        plan: The database, and where to upgrade it to.
        progress: Called before each revision.

    Raises:
        DatabaseError: The database or the sandbox cannot be had, or no database is named.
        MigrationError: The history or the certificates cannot be read.
    """
    from adapter.outbound.migration.target.preflight import SessionChecks
    from application.migration.run_preflight import RunPreflight

    folder = configuration(request.config).parent
    with (
        planner(request, plan, "migrate preflight") as made,
        journal_of(IN_DATABASE, folder, made.database, made.plan.target.identity()) as journal,
    ):
        run = RunPreflight(made.plan, made.project, made.certificates, SessionChecks(made.database), journal)
        return run(plan.goal, made.statistics, progress, made.start_after)


def render_preflight(report: "PreflightReport", form: str, *, color: bool) -> str:
    """Return a report in a format: text or json.

    Args:
        report: The report.
        form: The name of the format.
        color: Whether the text is colored.
    """
    from adapter.outbound.migration.report import writers

    return writers.render_preflight(report, form, color=color)
