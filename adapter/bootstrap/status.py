"""Wiring of `migrate status`."""

from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, configuration, is_this_project, revision_databases
from adapter.bootstrap.target import named_database

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
    from adapter.outbound.postgres.explain import explaining

    config = configuration(request.config)
    database = named_database(config, url, "migrate status")
    with explaining(database, reads=True):
        return _status_in_place(database) if is_this_project(config) else _status_in_sandbox(request, database)


def _status_in_place(database: "DatabaseURL") -> "DatabaseStatus":
    from adapter.outbound.database.this_project import ThisProject
    from adapter.outbound.migration.target.state import DatabaseTarget
    from application.migration.read_status import ReadStatus

    return ReadStatus(ThisProject(database), DatabaseTarget(database))()


def _status_in_sandbox(request: ProjectRequest, database: "DatabaseURL") -> "DatabaseStatus":
    from adapter.outbound.migration.target.state import DatabaseTarget
    from adapter.outbound.migration.trial.migrated_project import SandboxProject
    from application.migration.read_status import ReadStatus

    target = DatabaseTarget(database)
    with revision_databases(request.at_major(target.major())) as databases:
        return ReadStatus(SandboxProject(databases), target)()
