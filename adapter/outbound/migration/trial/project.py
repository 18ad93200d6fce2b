"""An Alembic project, and what it needs to run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.migration.compatibility import ApplicationStatement


@dataclass(frozen=True)
class Project:
    """An Alembic project, and what it needs to run.

    Attributes:
        config: Its `alembic.ini` or `pyproject.toml`.
        name: Section of that file.
        statement_timeout: Seconds after which the server cancels a statement.
        environment: Variables for the project; see `AgentJob.environment`.
        x_arguments: What `alembic -x` would be given.
        setup: Makes what is there before the first revision: a file of SQL, or a `module:function` of the project.
        rows_from: A file of SQL that inserts rows; the tables that it leaves short are filled up with made-up ones.
        rows: Rows that each table gets.
        statements: Statements that its application was seen to send.
        settings: What sessions at the target have set, by name; empty where no target was named.
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
