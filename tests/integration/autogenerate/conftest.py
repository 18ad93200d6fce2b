"""One database for all cases of a server; it is emptied before each."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.conftest import Server
from tests.integration.autogenerate.harness import Database


@pytest.fixture(scope="module")
def module_database(server: Server) -> Iterator[Database]:
    """A database of this module."""
    name = "hexalembic_autogenerate"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        database = Database(server.url(name))
        yield database
        database.engine.dispose()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(module_database: Database) -> Database:
    """A database with nothing in it but pgvector."""
    module_database.reset()
    return module_database
