"""What may happen in the midst of a step of a deployment, and the steps to which it happens."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from adapter.outbound.postgres import embedded
from tests.conftest import Server
from tests.integration.deploy.shops import Deployment
from tests.support import PROJECT_ROOT, process_environment, wait_until

ROWS = 200
# A row takes 5 ms, so that each step lasts for at least a second, in which the fault comes.
_SLOW = """
CREATE FUNCTION slow(value text) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM pg_sleep(0.005); RETURN length(value); END $$
"""
BASE = (
    "CREATE TABLE shops (id bigserial PRIMARY KEY, name text, city text)",
    _SLOW,
    "ALTER TABLE shops ADD CONSTRAINT named CHECK (slow(name) > 0) NOT VALID",
)
_FILL = """
while True:
    with op.get_context().autocommit_block():
        done = op.get_bind().exec_driver_sql(
            "UPDATE shops SET city = 'Oslo' WHERE id IN"
            " (SELECT id FROM shops WHERE city IS NULL AND slow(name) > 0 ORDER BY id LIMIT 50)"
        )
    if not done.rowcount:
        break
"""


@dataclass(frozen=True)
class Work:
    """A kind of step.

    Attributes:
        upgrade: Its Python.
        midst: A query that has a row while it is in the midst of it.
    """

    upgrade: str
    midst: str


_ACTIVE = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '{}%'"
)
STEPS = {
    "transactional DDL": Work(
        'op.execute("ALTER TABLE shops ADD COLUMN phone text")\n'
        'op.execute("UPDATE shops SET phone = slow(name)::text")',
        _ACTIVE.format("UPDATE shops SET phone"),
    ),
    "concurrent index": Work(
        "with op.get_context().autocommit_block():\n"
        '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")\n'
        '    op.execute("CREATE INDEX CONCURRENTLY shops_name ON shops (slow(name))")',
        _ACTIVE.format("CREATE INDEX CONCURRENTLY"),
    ),
    "VALIDATE": Work(
        'op.execute("ALTER TABLE shops VALIDATE CONSTRAINT named")', _ACTIVE.format("ALTER TABLE shops VALIDATE")
    ),
    "data batches": Work(
        _FILL, f"{_ACTIVE.format('UPDATE shops SET city')} AND EXISTS (SELECT FROM shops WHERE city IS NOT NULL)"
    ),
}


@dataclass(frozen=True)
class Place:
    """A server of its own, which may be stopped.

    Attributes:
        root: Its folder.
        major: Its major version.
    """

    root: Path
    major: int

    def start(self) -> None:
        """Start it, also after it was stopped at once."""
        settings = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        embedded.start(self.major, self.root, settings=settings)

    def stop_at_once(self) -> None:
        """Stop it without a checkpoint, as a crash does, and wait for the end."""
        pid = embedded.status(self.major, self.root).pid
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        wait_until(lambda: not embedded.status(self.major, self.root).running)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return embedded.status(self.major, self.root).server.url(database)


def midst(url: str, work: Work) -> int:
    """Wait until a step is in the midst of its work, and return the process of its session."""
    with psycopg.connect(url, autocommit=True) as connection:
        wait_until(lambda: connection.execute(work.midst).fetchone())
        row = connection.execute(work.midst).fetchone()
        assert row is not None
        return int(row[0])


def terminate_backend(place: Place, deployment: Deployment, work: Work) -> None:
    """End the session."""
    pid = midst(deployment.url, work)
    with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))


def stop_server(place: Place, deployment: Deployment, work: Work) -> None:
    """Stop the server at once, and start it again."""
    midst(deployment.url, work)
    place.stop_at_once()
    place.start()


FAULTS: dict[str, Callable[[Place, Deployment, Work], None]] = {
    "terminate backend": terminate_backend,
    "immediate stop": stop_server,
}


def kill_client(deployment: Deployment, work: Work) -> None:
    """Deploy in a process of its own, and kill that in the midst of the step."""
    arguments = [deployment.url, str(deployment.config), json.dumps(vars(deployment.server))]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.deploy.faults", *arguments],
        cwd=PROJECT_ROOT,
        env=process_environment(),
    )
    try:
        midst(deployment.url, work)
    finally:
        process.kill()
        process.wait()


def _main() -> None:
    url, config, server = sys.argv[1:]
    Deployment(url, Path(config), Server(**json.loads(server))).run("r2")


if __name__ == "__main__":
    _main()
