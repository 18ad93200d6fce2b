"""Puts a deployment of a real database together."""

import getpass
import socket
from importlib.metadata import PackageNotFoundError, version

from adapter.outbound.migration.target.deployment_lock import AdvisoryLock
from adapter.outbound.migration.target.leftover_indexes import DatabaseLeftovers
from adapter.outbound.migration.trial.migrated_project import SandboxProject
from adapter.outbound.postgres.url import DatabaseURL
from application.migration.deploy import Deploy
from application.migration.ports.applier import Applier
from application.migration.ports.backups import BackupTaker
from application.migration.ports.journal import Journal
from application.migration.ports.probes import Probes
from application.migration.ports.revision_files import RevisionFiles
from application.migration.ports.target import Target
from domain.migration.deployment.backup import BackupScope


def deployer(
    project: SandboxProject,
    target: Target,
    files: RevisionFiles,
    applier: Applier,
    journal: Journal,
    probes: Probes,
    backup: tuple[BackupTaker, BackupScope],
    url: DatabaseURL,
    wait: float,
    confirmed: frozenset[str] = frozenset(),
) -> Deploy:
    """Return the use case of a deployment.

    Args:
        project: The revisions, and what they make.
        target: The database.
        files: The files of the revisions.
        applier: Applies single revisions.
        journal: Where attempts are recorded.
        probes: The user's checks.
        backup: What takes a backup before the first step, and what that contains.
        url: The database.
        wait: Seconds to wait for another deployment of it.
        confirmed: What a downgrade may take away, by name.
    """
    return Deploy(
        project=project,
        target=target,
        expected=project,
        files=files,
        applier=applier,
        journal=journal,
        lock=AdvisoryLock(url, wait),
        probes=probes,
        indexes=DatabaseLeftovers(url),
        taker=backup[0],
        scope=backup[1],
        confirmed=confirmed,
        who=f"{_user()}@{socket.gethostname()}{f', role {url.user}' if url.user else ''}",
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
