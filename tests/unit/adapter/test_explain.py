"""Errors of the server become a sentence and a hint, by SQLSTATE and by cause."""

import pytest

from adapter.outbound.postgres.explain import explain
from adapter.outbound.postgres.url import DatabaseURL


class ServerError(Exception):
    """An error as drivers raise it.

    Attributes:
        sqlstate: What the server calls it.
    """

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ('too many connections for role "ana"', 'ALTER ROLE "ana" CONNECTION LIMIT'),
        ('too many connections for database "shop"', 'ALTER DATABASE "shop" CONNECTION LIMIT'),
        ("remaining connection slots are reserved for roles with the SUPERUSER attribute", "raise max_connections"),
        ("sorry, too many clients already", "raise max_connections"),
    ],
)
def test_no_free_connection(message: str, remedy: str) -> None:
    """The limit of a role, of a database and of the server are told apart."""
    explained = explain(ServerError("53300", message), DatabaseURL.parse("postgresql://ana@h/shop"))

    assert explained is not None
    assert remedy in explained.hint
