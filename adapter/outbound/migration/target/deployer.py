"""Puts a deployment of a real database together."""

import getpass
import socket
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from adapter.outbound.migration.target.deployment_lock import AdvisoryLock
from adapter.outbound.migration.target.journal.file import FOLDER, FileJournal
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.deploy import Deploy
from application.migration.plan_upgrade import PlanUpgrade
from application.migration.ports.applier import Applier
from application.migration.ports.expected_schema import ExpectedSchema
from application.migration.ports.journal import Journal
from application.migration.ports.probes import Probes


def journal_of(kind: str, folder: Path, url: DatabaseURL) -> Journal:
    """Return the journal of a database.

    Args:
        kind: `file`, or `database` for both.
        folder: The folder in which the folder of the file is.
        url: The database.
    """
    del kind, url
    return FileJournal(folder / FOLDER)


def deployer(
    planner: PlanUpgrade,
    expected: ExpectedSchema,
    applier: Applier,
    journal: Journal,
    probes: Probes,
    url: DatabaseURL,
    wait: float,
) -> Deploy:
    """Return the use case of a deployment.

    Args:
        planner: What has made the plan.
        expected: What the revisions make.
        applier: Applies single revisions.
        journal: Where attempts are recorded.
        probes: The user's checks.
        url: The database.
        wait: Seconds to wait for another deployment of it.
    """
    return Deploy(
        project=planner.project,
        target=planner.target,
        expected=expected,
        files=planner.files,
        applier=applier,
        journal=journal,
        lock=AdvisoryLock(url, wait),
        probes=probes,
        who=f"{_user()}@{socket.gethostname()}",
        version=_version(),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "an unnamed user"


def _version() -> str:
    try:
        return version("hexalembic")
    except PackageNotFoundError:  # run from its folder
        return "(not installed)"
