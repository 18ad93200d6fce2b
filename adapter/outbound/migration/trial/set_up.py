"""The database that a project's first revision runs on: with the objects that `--setup` and its env.py create."""

from pathlib import Path

import psycopg

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.project.version_table import mark_version_tables
from adapter.outbound.migration.trial.database import Database, DatabaseMaker
from adapter.outbound.postgres.errors import HINT, DatabaseConfigurationError
from domain.migration.errors import MigrationError


def set_up(maker: DatabaseMaker, setup: str | Path | None) -> Database:
    """Create a database in the state before the first revision.

    Args:
        maker: Creates the database.
        setup: As `Project.setup`.

    Raises:
        MigrationError: The project's own set-up or its env.py fails.
        DatabaseConfigurationError: Its env.py refuses its configuration, with a hint.
    """
    database = maker.create()
    if isinstance(setup, Path):
        with database.connect() as connection:
            execute_file(connection, setup, "--setup")
    elif setup is not None:
        result = database.run(Command.SET_UP, setup)
        if result.error is not None:
            raise MigrationError(
                f"--setup {setup} failed: {described(result.error)}",
                "name a function of the project that takes no argument, an engine, or a connection",
            )
    # objects that env.py creates itself, such as a schema for the version table, must not count for a revision
    result = database.run(Command.ENV)
    if result.error is not None:
        if HINT in result.error.message:  # env.py itself says what helps
            raise DatabaseConfigurationError(*result.error.message.split(HINT, 1))
        raise MigrationError(described(result.error), "correct env.py; alembic current shows the same error")
    with database.connect() as connection:
        mark_version_tables(connection, result.version_tables)
    return database


def execute_file(connection: psycopg.Connection[tuple[object, ...]], path: Path, option: str) -> None:
    """Execute an SQL file that was named by an option.

    Args:
        connection: A connection to the database.
        path: The file.
        option: The option, for the message of an error.

    Raises:
        MigrationError: The server refuses the file.
    """
    try:
        connection.execute(path.read_bytes())
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error).partition("\n")[0]
        raise MigrationError(
            f"{option} {path.name} failed: {message}", "correct the file; psql -f runs it alone"
        ) from error
