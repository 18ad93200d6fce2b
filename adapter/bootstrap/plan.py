"""Wiring of `migrate plan`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from adapter.bootstrap.project import (
    ProjectRequest,
    configuration,
    open_trials,
    trial_lanes,
    under_settings_of,
)
from adapter.bootstrap.target import named_database

if TYPE_CHECKING:
    from pathlib import Path

    from adapter.outbound.migration.trial.certificate_file import CertificateFile
    from adapter.outbound.migration.trial.migrated_project import SandboxProject
    from adapter.outbound.postgres.url import DatabaseURL
    from application.migration.plan_downgrade import PlanDowngrade
    from application.migration.plan_upgrade import PlanUpgrade
    from application.migration.verify import VerifyRevisions
    from domain.migration.deployment.lock_policy import LockPolicy
    from domain.migration.deployment.plan import Plan
    from domain.migration.statistics import Statistics


@dataclass(frozen=True)
class PlanRequest:
    """The arguments of `migrate plan`.

    Attributes:
        goal: Where to upgrade to, or to downgrade to.
        url: The database; None for `DATABASE_URL`, and for this project the embedded one without it.
        certificates: The file of certificates; None for the one beside env.py.
        proof_rows: The number of rows that fill each table in proofs.
        production: Host and name of the only database that may be meant, such as `db.example.com/shop`; None for any.
        is_downgrade: Whether the goal is one of a downgrade.
        policy: For how long locks may make others wait; None for the usual.
    """

    goal: str
    url: str | None
    certificates: "Path | None"
    proof_rows: int
    production: str | None = None
    is_downgrade: bool = False
    policy: "LockPolicy | None" = None


@dataclass(frozen=True)
class Planner:
    """What plans an upgrade, and what it was connected with.

    Attributes:
        plan: Plans the upgrade, or the downgrade.
        project: The project, whose revisions run in the sandbox.
        certificates: What was proved of the revisions.
        database: The database.
        statistics: Sizes of its tables.
        start_after: Revision up to which nothing is judged; empty to judge all.
    """

    plan: "PlanUpgrade | PlanDowngrade"
    project: "SandboxProject"
    certificates: "CertificateFile"
    database: "DatabaseURL"
    statistics: "Statistics"
    start_after: str


@contextmanager
def planner(request: ProjectRequest, plan: PlanRequest, command: str) -> "Iterator[Planner]":
    """Connect what plans the upgrade of a database, which is only read.

    Args:
        request: The project, and the sandbox in which its revisions are measured and proved.
        plan: The database, and where to upgrade it to.
        command: The command, for hints.

    Raises:
        DatabaseError: The database or the sandbox cannot be had, or no database is named.
        MigrationError: The history or the certificates cannot be read.
    """
    from adapter.outbound.migration.project.settings import read_project_settings
    from adapter.outbound.migration.target.confirmed import require_confirmed
    from adapter.outbound.migration.target.state import DatabaseTarget
    from adapter.outbound.migration.target.statistics import read_statistics
    from adapter.outbound.migration.trial.certificate_file import CertificateFile, beside_env
    from adapter.outbound.migration.trial.migrated_project import SandboxProject
    from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
    from adapter.outbound.postgres.explain import explaining
    from application.migration.analyze import AnalyzeRevisions
    from application.migration.plan_downgrade import PlanDowngrade
    from application.migration.plan_upgrade import PlanUpgrade
    from domain.migration.deployment.lock_policy import USUAL

    policy = plan.policy or USUAL
    config = configuration(request.config)
    database = named_database(config, plan.url, command)
    with explaining(database, reads=True):
        if plan.production is not None:
            require_confirmed(database, plan.production)
        target, statistics = DatabaseTarget(database), read_statistics(database)
        request = under_settings_of(request.at_major(target.major()), statistics.target)
        with open_trials(request, keeps_before=True) as (databases, trials):
            project = SandboxProject(databases)
            certificates = CertificateFile(plan.certificates or beside_env(databases))
            lanes = trial_lanes(request, keeps_before=True)
            files = ListedRevisionFiles(databases)
            verifier = partial(_verifier, replace(request, rows=plan.proof_rows), certificates)
            yield Planner(
                PlanDowngrade(project, target, files, trials, lanes, policy)
                if plan.is_downgrade
                else PlanUpgrade(project, target, files, AnalyzeRevisions(trials, lanes), verifier, policy),
                project,
                certificates,
                database,
                statistics,
                read_project_settings(config).start_after,
            )


def make_plan(request: ProjectRequest, plan: PlanRequest, progress: "Callable[..., object]") -> "Plan":
    """Plan the upgrade or the downgrade of a database, which is only read.

    Args:
        request: The project, and the sandbox in which its revisions are measured and proved.
        plan: The database, and where to.
        progress: Called before each revision.

    Raises:
        DatabaseError: The database or the sandbox cannot be had, or no database is named.
        MigrationError: The goal, the history or the certificates cannot be read.
    """
    with planner(request, plan, "migrate plan") as made:
        return made.plan(plan.goal, made.statistics, progress, made.start_after)


@contextmanager
def _verifier(request: ProjectRequest, certificates: "CertificateFile") -> "Iterator[VerifyRevisions]":
    from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
    from application.migration.verify import VerifyRevisions

    with open_trials(request, keeps_before=True) as (databases, trials):
        lanes = trial_lanes(request, keeps_before=True)
        yield VerifyRevisions(trials, ListedRevisionFiles(databases), certificates, lanes)


def lock_policy(stall: float, longest_stall: float, deadline: float, cancels: str) -> "LockPolicy":
    """Return the policy of some limits, in seconds, and the name of those that may be ended."""
    from domain.migration.deployment.lock_policy import Blockers, LockPolicy

    return LockPolicy(stall=stall, longest_stall=longest_stall, deadline=deadline, cancels=Blockers(cancels))


def render_plan(plan: "Plan", form: str, *, color: bool) -> str:
    """Return a plan in a format: text, json, markdown or html.

    Args:
        plan: The plan.
        form: The name of the format.
        color: Whether the text is colored.
    """
    from adapter.outbound.migration.report import writers

    return writers.render_plan(plan, form, color=color)
