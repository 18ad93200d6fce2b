"""Databases that a benchmark makes on the embedded server and drops again."""

import io
from pathlib import Path

import psycopg
from alembic.config import Config

ROOT = Path(__file__).resolve().parents[1]


def recreate(server_url: str, name: str) -> None:
    """Make an empty database."""
    drop(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")


def drop(server_url: str, name: str) -> None:
    """Drop it."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def alembic_config(url: str, output: io.StringIO) -> Config:
    """Give the project's configuration for one database; what it prints goes into `output`."""
    config = Config(ROOT / "alembic.ini", stdout=output, output_buffer=output)
    config.attributes.update(url=url, configure_logger=False)
    return config
