"""The shop and its deployment."""

import psycopg
import pytest

from tests.conftest import Server
from tests.history import History
from tests.integration.deploy.shops import ADD, BUILD, DROP, SHOPS, UNBUILD, Deployment


@pytest.fixture
def shop(history: History, empty_url: str) -> History:
    """A project with three revisions, the first of which the database has."""
    create = 'op.execute("CREATE TABLE shops (id bigserial PRIMARY KEY, name text)")'
    history.add("r1", None, create, 'op.execute("DROP TABLE shops")')
    history.add("r2", "r1", ADD, DROP)
    history.add("r3", "r2", BUILD, UNBUILD)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(SHOPS)
    return history


@pytest.fixture
def deployment(shop: History, server: Server, empty_url: str) -> Deployment:
    """The project with the plainest env.py, and its database."""
    return Deployment(empty_url, shop.plain_ini(), server)
