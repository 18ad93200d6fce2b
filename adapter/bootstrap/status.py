"""Wiring of `migrate status`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, configuration, revision_databases
from adapter.bootstrap.target import explained

if TYPE_CHECKING:
    from adapter.outbound.postgres.url import DatabaseURL
    from domain.migration.status import DatabaseStatus


def project_status(request: ProjectRequest, url: str | None) -> "DatabaseStatus":
    """Read the state of a database beside its project.

    Args:
        request: The project, and the sandbox in which its revisions and models run.
        url: The database; None for `DATABASE_URL`, and for this project the embedded one without it.

    Raises:
        DatabaseError: The database or the sandbox cannot be had, or no database is named.
        MigrationError: The history cannot be read.
    """
    from adapter.outbound.database.settings import PROJECT_ROOT

    if configuration(request.config) == PROJECT_ROOT / "alembic.ini":
        return status_of_this_project(url)
    return explained(_named(url), lambda database: _status_in_sandbox(request, database))


def status_of_this_project(url: str | None = None) -> "DatabaseStatus":
    """Read the state of the database of this project; the models are compared there, and nothing is kept of that."""
    from adapter.outbound.database.settings import database_url

    return explained(database_url(url), _status_in_place)


def _status_in_place(database: "DatabaseURL") -> "DatabaseStatus":
    from adapter.outbound.database.this_project import ThisProject
    from adapter.outbound.migration.target.state import DatabaseTarget
    from application.migration.read_status import ReadStatus

    return ReadStatus(ThisProject(database), DatabaseTarget(database))()


def _named(url: str | None) -> "DatabaseURL":
    import os

    from adapter.outbound.database.settings import database_url
    from adapter.outbound.postgres.errors import DatabaseConfigurationError

    named = url or os.environ.get("DATABASE_URL")
    if not named:
        raise DatabaseConfigurationError(
            "no database is named, and the one that env.py of another project connects to is not known here",
            "name it: migrate status -c alembic.ini --url postgresql://user@host/database, or set DATABASE_URL",
        )
    return database_url(url)


def _status_in_sandbox(request: ProjectRequest, database: "DatabaseURL") -> "DatabaseStatus":
    from adapter.outbound.migration.target.state import DatabaseTarget
    from adapter.outbound.migration.trial.migrated_project import SandboxProject
    from adapter.outbound.postgres.embedded import PACKAGES
    from application.migration.read_status import ReadStatus

    target = DatabaseTarget(database)
    major = target.major()
    if request.major is None and request.sandbox_url is None and major in PACKAGES:
        request = replace(request, major=major)  # catalogs of one version can be compared
    with revision_databases(request) as databases:
        return ReadStatus(SandboxProject(databases), target)()
