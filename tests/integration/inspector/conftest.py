"""A database with one object of each kind."""

from collections.abc import Iterator

import psycopg
import pytest

from adapter.outbound.migration.catalog.inspector import snapshot
from domain.migration.snapshot import SchemaSnapshot
from tests.conftest import Server
from tests.integration.inspector.schema import SCHEMA, Connection


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[str]:
    """Return the URL of a database that holds the extension vector and `SCHEMA`."""
    forget = ("DROP DATABASE IF EXISTS hexalembic_inspector WITH (FORCE)", "DROP ROLE IF EXISTS app_reader, app_owner")
    with psycopg.connect(server.url(), autocommit=True) as admin:
        for statement in (*forget, "CREATE ROLE app_reader", "CREATE ROLE app_owner"):
            admin.execute(statement)
        admin.execute("CREATE DATABASE hexalembic_inspector TEMPLATE template0")
        url = server.url("hexalembic_inspector")
        with psycopg.connect(url) as connection:
            connection.execute("CREATE EXTENSION vector SCHEMA public")
            connection.execute(SCHEMA)
        yield url
        for statement in forget:
            admin.execute(statement)


@pytest.fixture(scope="module")
def session(database: str) -> Iterator[Connection]:
    """Return one session for all tests: its catalog caches are warm."""
    with psycopg.connect(database) as connection:
        yield connection


@pytest.fixture
def connection(session: Connection) -> Iterator[Connection]:
    """Return a connection to the database of `SCHEMA`; what is done there is rolled back in the end."""
    yield session
    session.rollback()


@pytest.fixture(scope="module")
def before(database: str) -> SchemaSnapshot:
    """Return the snapshot of `SCHEMA`."""
    with psycopg.connect(database) as connection:
        return snapshot(connection)


@pytest.fixture
def committed(empty_url: str) -> Iterator[Connection]:
    """Return an autocommit connection to a database of its own with two tables and a view."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text DEFAULT 'x' CHECK (name <> ''))")
        connection.execute("CREATE TABLE pets (owner bigint REFERENCES people); CREATE INDEX ON pets ((owner + 1))")
        connection.execute("CREATE VIEW names AS SELECT name FROM people")
        yield connection
