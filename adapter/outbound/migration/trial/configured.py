"""A project with the settings of its own configuration, where the user has named nothing else."""

from dataclasses import replace
from pathlib import Path

from adapter.outbound.migration.project.settings import read_project_settings, set_up, sql_file, variables
from adapter.outbound.migration.traffic.recorder import read_statements
from adapter.outbound.migration.trial.project import Project


def configured(project: Project, *, setup: str | None, rows_from: Path | None, statements: Path | None) -> Project:
    """Return a project with what its configuration sets; what the user names wins, and variables of both are set.

    Args:
        project: The project as the user has named it.
        setup: What creates the objects before the first revision, as `set_up` takes it; None if the user names nothing.
        rows_from: A file of SQL that inserts rows, likewise.
        statements: A file that `migrate record` wrote, likewise.

    Raises:
        DatabaseConfigurationError: The configuration or a file cannot be read.
        StatementsError: The file of statements cannot be read.
    """
    settings, folder = read_project_settings(project.config), project.config.parent
    file = statements or (folder / settings.statements if settings.statements else None)
    return replace(
        project,
        environment={**variables(settings.env), **project.environment},
        setup=set_up(setup, settings.setup, folder),
        rows_from=sql_file(rows_from, settings.rows_from, folder, "--rows-from"),
        statements=read_statements(file) if file else (),
    )
