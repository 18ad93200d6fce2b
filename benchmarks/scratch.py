"""Temporary databases and generated revisions for benchmarks."""

import io
from collections.abc import Iterable
from pathlib import Path

import psycopg
from alembic.config import Config

ROOT = Path(__file__).resolve().parents[1]
_ENV = """
from alembic import context
from sqlalchemy import create_engine, pool

with create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool).connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
_REVISION = """
from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}


def upgrade():
    op.execute({up!r})


def downgrade():
    op.execute({down!r})
"""


def recreate(server_url: str, name: str) -> None:
    """Create an empty database; an existing one with that name is dropped first."""
    drop(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")


def drop(server_url: str, name: str) -> None:
    """Drop a database if it exists, and end its sessions."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def alembic_config(url: str, output: io.StringIO) -> Config:
    """Return the project's Alembic configuration for a database; Alembic prints to `output`."""
    config = Config(ROOT / "alembic.ini", stdout=output, output_buffer=output)
    config.attributes.update(url=url, configure_logger=False)
    return config


def write_revision(folder: Path, revision: str, down_revision: str | None, up: str, down: str) -> Path:
    """Write a revision with one statement for the upgrade and one for the downgrade, and return its path."""
    path = folder / f"{revision}.py"
    source = _REVISION.format(revision=revision, down_revision=down_revision, up=up, down=down)
    path.write_text(source, encoding="utf-8")
    return path


def generate(project: Path, statements: Iterable[tuple[str, str]]) -> None:
    """Write an Alembic project with a revision (r000, r001, …) for each pair of upgrade and downgrade statements."""
    versions = project / "versions"
    versions.mkdir(parents=True)
    (project / "env.py").write_text(_ENV, encoding="utf-8")
    ini = "[alembic]\nscript_location = %(here)s\nsqlalchemy.url = postgresql+psycopg://\n"
    (project / "alembic.ini").write_text(ini, encoding="utf-8")
    previous = None
    for number, (up, down) in enumerate(statements):
        previous = write_revision(versions, f"r{number:03}", previous, up, down).stem
