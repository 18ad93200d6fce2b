"""For how long statements stall while a database is migrated: `migrate deploy` against `alembic upgrade head`.

    python -m benchmarks.stall [--rounds 3] [--picture stall.svg]

Both run the same revisions on a shop of 100,000 users and 300,000 orders: a column, NOT NULL by a validated check, a
foreign key that is validated afterwards, and an index that is built concurrently. Meanwhile 20 readers and 4 writers
work, and a report reads the users in transactions of 8 seconds with half a second between them. Printed are the medians
over the rounds, in which both take turns: the time that the migration took (a deployment from its first step), the
longest stall of a statement, the number of those over 100 ms, and failed statements; then the ratio. The picture has
the latency over time of the last round, with the time in which an exclusive lock was held or awaited.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from adapter.outbound.postgres import embedded
from benchmarks.scratch import ROOT, generate, recreate
from benchmarks.traffic import USERS

_ORDERS = 300_000
_REPORT, _BETWEEN_REPORTS = 8.0, 0.5  # seconds
_BEFORE, _AFTER = 2.0, 1.0  # seconds of traffic around the migration
_LONG = 0.1  # seconds of a stall that is counted
_POLL = 0.005  # seconds between two looks at the locks
_SHOP = f"""
CREATE TABLE users (id bigserial PRIMARY KEY, name text);
CREATE TABLE orders (id bigserial PRIMARY KEY, user_id bigint NOT NULL, total numeric);
INSERT INTO users (name) SELECT 'user ' || i FROM generate_series(1, {USERS}) i;
INSERT INTO orders (user_id, total) SELECT 1 + (random() * {USERS - 1})::bigint, 10 FROM generate_series(1, {_ORDERS});
CREATE INDEX orders_user_id ON orders (user_id);
ANALYZE;
"""
_REVISIONS = (
    ("CREATE TABLE users (id bigserial PRIMARY KEY, name text)", "DROP TABLE users"),
    (
        "CREATE TABLE orders (id bigserial PRIMARY KEY, user_id bigint NOT NULL, total numeric)",
        "DROP TABLE orders",
    ),
    ("CREATE INDEX orders_user_id ON orders (user_id)", "DROP INDEX orders_user_id"),
    ("ALTER TABLE users ADD COLUMN plan text", "ALTER TABLE users DROP COLUMN plan"),
    (
        "ALTER TABLE users ADD CONSTRAINT users_name_there CHECK (name IS NOT NULL) NOT VALID",
        "ALTER TABLE users DROP CONSTRAINT users_name_there",
    ),
    ("ALTER TABLE users VALIDATE CONSTRAINT users_name_there", "SELECT 1"),
    ("ALTER TABLE users ALTER name SET NOT NULL", "ALTER TABLE users ALTER name DROP NOT NULL"),
    (
        "ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users NOT VALID",
        "ALTER TABLE orders DROP CONSTRAINT orders_user",
    ),
    ("ALTER TABLE orders VALIDATE CONSTRAINT orders_user", "SELECT 1"),
)
_BUILD = """
from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}


def upgrade():
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS users_name")
        op.execute("CREATE INDEX CONCURRENTLY users_name ON users (name)")


def downgrade():
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS users_name")
"""
_FIRST = 3  # revision that the database does not have
_LOCKS = """
SELECT count(*) FROM pg_locks WHERE relation IN ('users'::regclass, 'orders'::regclass)
   AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""


@dataclass(frozen=True)
class Run:
    """One migration under traffic.

    Attributes:
        seconds: Duration of the migration, of a deployment from its first step.
        statements: Begin, in seconds of the run, and latency of each statement.
        failed: Errors of statements.
        locked: Times, in seconds of the run, at which an exclusive lock was held or awaited.
    """

    seconds: float
    statements: tuple[tuple[float, float], ...]
    failed: tuple[str, ...]
    locked: tuple[float, ...]

    @property
    def longest(self) -> float:
        """Latency of the slowest statement."""
        return max(latency for _, latency in self.statements)

    @property
    def long(self) -> int:
        """Number of statements that stalled."""
        return sum(latency > _LONG for _, latency in self.statements)


def main() -> None:
    """Measure both, print the results, and draw the last round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hxstall"))
    server = embedded.start(root=folder / "server")
    runs: dict[str, list[Run]] = {"alembic upgrade head": [], "migrate deploy": []}
    try:
        generate(folder / "project", _REVISIONS)
        _add_concurrent_build(folder / "project" / "versions" / f"r{len(_REVISIONS):03}.py")
        for round_ in range(arguments.rounds):
            for name in runs if round_ % 2 == 0 else reversed(runs):
                runs[name].append(_measured(name, folder, server.url("postgres"), server.url("shop")))
    finally:
        embedded.stop(server.major, folder / "server", force=True)
        embedded.release(server)
        shutil.rmtree(folder, ignore_errors=True)
    _print(runs)
    if arguments.picture:
        from benchmarks.stall_picture import draw

        arguments.picture.write_text(draw({name: measured[-1] for name, measured in runs.items()}), encoding="utf-8")


def _add_concurrent_build(path: Path) -> None:
    """Write the last revision, which builds an index in a block of its own."""
    path.write_text(
        _BUILD.format(revision=path.stem, down_revision=f"r{len(_REVISIONS) - 1:03}"),
        encoding="utf-8",
    )


def _measured(name: str, folder: Path, postgres: str, url: str) -> Run:
    recreate(postgres, "shop")
    project = folder / "project"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SHOP.encode())
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES (%s)", (f"r{_FIRST - 1:03}",))
    result = folder / "traffic.json"
    with _reports(url), _locks(url) as locked:
        traffic = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.traffic", url, str(result)], stdin=subprocess.PIPE, cwd=ROOT
        )
        time.sleep(_BEFORE)
        seconds = _upgrade(project, url) if name.startswith("alembic") else _deploy(project, url)
        time.sleep(_AFTER)
        traffic.communicate()
    measured = json.loads(result.read_text(encoding="utf-8"))
    start = min(begin for begin, *_ in measured)
    return Run(
        seconds=seconds,
        statements=tuple((begin - start, latency) for begin, latency, _, error in measured if error is None),
        failed=tuple(error for *_, error in measured if error is not None),
        locked=tuple(moment - start for moment in locked),
    )


def _upgrade(project: Path, url: str) -> float:
    """Run Alembic as everybody does, and return how long it took."""
    ini = project / "plain.ini"
    address = url.replace("postgresql://", "postgresql+psycopg://").replace("%", "%%")
    ini.write_text(f"[alembic]\nscript_location = %(here)s\nsqlalchemy.url = {address}\n", encoding="utf-8")
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(ini), "upgrade", "head"],
        check=True,
        cwd=project,
        env=_environment(),
    )
    return time.monotonic() - began


def _deploy(project: Path, url: str) -> float:
    """Deploy, and return how long it took from the first step on: the plan is made while nothing is locked."""
    command = [sys.executable, "-c", "from adapter.inbound.cli.migrate import main; main()", "deploy", "--yes"]
    command += ["-c", str(project / "alembic.ini"), "--url", url, "--format", "json"]
    began = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=_environment()) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "step" and not began:
                began = time.monotonic()
            if event["event"] == "verifying":
                took = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"migrate deploy ended with {process.returncode}: {line}")
    return took


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}


@contextmanager
def _reports(url: str) -> Iterator[None]:
    """Read the users in long transactions until the block ends."""
    ended = threading.Event()

    def report() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not ended.is_set():
                connection.execute("SELECT pg_sleep(%s) FROM (SELECT count(*) FROM users) AS counted", (_REPORT,))
                ended.wait(_BETWEEN_REPORTS)

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def _locks(url: str) -> Iterator[list[float]]:
    """Note when an exclusive lock is held or awaited, until the block ends."""
    ended, moments = threading.Event(), list[float]()

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not ended.wait(_POLL):
                row = connection.execute(_LOCKS.encode()).fetchone()
                if row and row[0]:
                    moments.append(time.time())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield moments
    finally:
        ended.set()
        thread.join()


def _print(runs: dict[str, list[Run]]) -> None:
    print(f"{'variant':<22} {'seconds':>8} {'longest ms':>11} {'worst ms':>9} {'>100 ms':>8} {'failed':>7} {'of':>7}")
    for name, measured in runs.items():
        longest = statistics.median(run.longest for run in measured) * 1000
        worst = max(run.longest for run in measured) * 1000
        seconds = statistics.median(run.seconds for run in measured)
        long = statistics.median(run.long for run in measured)
        failed, count = sum(len(run.failed) for run in measured), sum(len(run.statements) for run in measured)
        print(f"{name:<22} {seconds:>8.1f} {longest:>11.0f} {worst:>9.0f} {long:>8.0f} {failed:>7} {count:>7}")
    naive, ours = (statistics.median(run.longest for run in measured) for measured in runs.values())
    print(f"longest stall of migrate deploy: {ours / naive:.3f} of that of alembic upgrade head")


if __name__ == "__main__":
    main()
