"""The checkout, for processes that have a sandbox, and statements on its server."""

from pathlib import Path
from typing import Any

import psycopg

PROJECT = Path(__file__).parents[3]


def execute(url: str, statement: str) -> Any:
    """Execute a statement, and return its first row; None for no rows."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchone() if cursor.description else None
