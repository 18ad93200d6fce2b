"""Clients of a shop, for benchmarks: they read and write users and orders until they are told to end.

    python -m benchmarks.traffic URL RESULT [--readers 20] [--writers 4]

Each client has a connection of its own and rests between its statements, as people do. When the standard input ends,
the clients end, and RESULT gets a JSON list of [begin, seconds, kind, error] of all statements; `begin` is that of
`time.time`, and `error` null where there was none.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg

Measured = tuple[float, float, str, str | None]

_READS = (
    "SELECT * FROM users WHERE id = $1",
    "SELECT count(*), max(id) FROM orders WHERE user_id = $1",
    "SELECT u.name, o.id FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = $1 LIMIT 20",
)
_WRITES = (
    "UPDATE users SET name = 'user ' || random() WHERE id = $1",
    "INSERT INTO orders (user_id, total) VALUES ($1, random() * 100)",
)
USERS = 100_000
_REST = (0.02, 0.08)  # seconds between two statements of a client
_PATIENCE = 60.0  # seconds for a statement


async def _client(url: str, kind: str, statements: tuple[str, ...], ended: asyncio.Event) -> list[Measured]:
    connection: Any = await asyncpg.connect(url)
    measured: list[Measured] = []
    while not ended.is_set():
        await asyncio.sleep(random.uniform(*_REST))  # noqa: S311
        begin, clock, error = time.time(), time.perf_counter(), None
        try:
            await connection.execute(random.choice(statements), random.randint(1, USERS), timeout=_PATIENCE)  # noqa: S311
        except (asyncpg.PostgresError, TimeoutError, OSError) as raised:
            error = f"{type(raised).__name__}: {raised}"
        measured.append((begin, time.perf_counter() - clock, kind, error))
    await connection.close()
    return measured


async def _run(url: str, readers: int, writers: int) -> list[Measured]:
    ended = asyncio.Event()
    kinds = [("read", _READS)] * readers + [("write", _WRITES)] * writers
    clients = [asyncio.create_task(_client(url, kind, statements, ended)) for kind, statements in kinds]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    ended.set()
    return [measured for client in clients for measured in await client]


def main() -> None:
    """Run the clients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("result", type=Path)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--writers", type=int, default=4)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        measured = asyncio.run(_run(arguments.url, arguments.readers, arguments.writers))
        arguments.result.write_text(json.dumps(measured), encoding="utf-8")


if __name__ == "__main__":
    main()
