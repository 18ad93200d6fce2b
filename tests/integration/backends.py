"""What the tests of the business contexts share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg

from adapter.bootstrap.backend import Backend, open_backend
from adapter.outbound.postgres.url import DatabaseURL

T = TypeVar("T")


def act(url: str, action: Callable[[Backend], Awaitable[T]], actor: str = "tester") -> T:
    """Do something with a backend of its own on the database."""

    async def connected() -> T:
        async with open_backend(actor, DatabaseURL.parse(url)) as backend:
            return await action(backend)

    return asyncio.run(connected())


def act_at_once(url: str, actions: list[Callable[[Backend], Awaitable[T]]]) -> list[T | BaseException]:
    """Do several things at the same time, each on a connection of its own; give results and errors."""

    async def connected(action: Callable[[Backend], Awaitable[T]]) -> T:
        async with open_backend("tester", DatabaseURL.parse(url)) as backend:
            return await action(backend)

    async def gathered() -> list[T | BaseException]:
        return await asyncio.gather(*map(connected, actions), return_exceptions=True)

    return asyncio.run(gathered())


def rows(url: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the database itself; what a statement does not answer gives no rows."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(query.encode(), parameters)
        return cursor.fetchall() if cursor.description else []
