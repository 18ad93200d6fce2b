"""The settings with which an Alembic project is run in the sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.migration.compatibility import ApplicationStatement


@dataclass(frozen=True)
class Project:
    """An Alembic project, and the settings with which it is run in the sandbox.

    Attributes:
        config: Path of its `alembic.ini` or `pyproject.toml`.
        name: Section of that file.
        statement_timeout: Seconds after which the server cancels a statement.
        environment: Variables for the project; see `AgentJob.environment`.
        x_arguments: Values of the `-x` option of `alembic`.
        setup: Creates the objects that exist before the first revision: the path of an SQL file, or a
            `module:function` of the project.
        rows_from: An SQL file that inserts rows; tables with fewer than `rows` rows are filled up with generated rows.
        rows: Number of rows that each table gets.
        statements: Recorded statements of its application.
        settings: Session settings at the target, by name; empty when no target was named.
    """

    config: Path
    name: str = "alembic"
    statement_timeout: int = 60
    environment: Mapping[str, str] = field(default_factory=dict)
    x_arguments: tuple[str, ...] = ()
    setup: str | Path | None = None
    rows_from: Path | None = None
    rows: int = 2000
    statements: tuple[ApplicationStatement, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
