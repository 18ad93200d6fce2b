"""Upgrades, and what they leave behind."""

from typing import Any

import psycopg
from alembic.script import ScriptDirectory

from tests.support import alembic_config

HEAD = ScriptDirectory.from_config(alembic_config("")).get_current_head()


def scalar(url: str, sql: str) -> Any:
    """Return the one value that a query returns."""
    with psycopg.connect(url) as connection:
        row = connection.execute(sql).fetchone()
        return row[0] if row else None


def current(url: str) -> str | None:
    """Return the revision that the database is stamped with."""
    revision: str | None = scalar(url, "SELECT version_num FROM alembic_version")
    return revision
