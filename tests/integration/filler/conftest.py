"""An empty database to fill."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest


@pytest.fixture
def empty(empty_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect to an empty database."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        yield connection
