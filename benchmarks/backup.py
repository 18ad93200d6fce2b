"""A backup of what a plan touches, against `pg_dump -Fc` of everything.

    python -m benchmarks.backup [--rounds 3] [--rows 200000] [--folder FOLDER]

The database is a shop: users and products, three orders a user with two lines each, an audit log, and documents with
embedded chunks. The plan rewrites orders, the second largest table. `touched` is all of `take`: session and snapshot,
pg_dump, the numbers of rows of the same snapshot, checksums and manifest. Variants take turns; medians are printed, and
the ratio to `pg_dump -Fc`.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from adapter.bootstrap.backup import BackupRequest, backup_taker
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.url import DatabaseURL
from benchmarks.scratch import drop, recreate
from domain.migration.deployment.backup import BackupScope

DATABASE = "benchmark_backup"
_SHOP = """
CREATE EXTENSION vector;
CREATE TABLE users (id bigint PRIMARY KEY, name text, email text, created_at timestamptz);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users, total numeric(12, 2), state text,
                     at timestamptz);
CREATE TABLE lines (order_id bigint REFERENCES orders, product_id bigint, pieces integer, price numeric(12, 2));
CREATE TABLE audit_events (id bigint PRIMARY KEY, at timestamptz, payload jsonb);
CREATE TABLE chunks (id bigint PRIMARY KEY, content text, embedding vector(64));
INSERT INTO users SELECT i, 'name ' || md5(i::text), md5((i + 1)::text) || '@example.org',
       timestamptz '2024-01-01' + i * interval '1 minute' FROM generate_series(1, {rows}) i;
INSERT INTO orders SELECT i, 1 + i % {rows}, (random() * 1000)::numeric(12, 2), 'paid',
       timestamptz '2024-01-01' + i * interval '20 seconds' FROM generate_series(1, {rows} * 3) i;
INSERT INTO lines SELECT 1 + i % ({rows} * 3), (random() * 10000)::bigint, 1 + i % 5, (random() * 100)::numeric(12, 2)
  FROM generate_series(1, {rows} * 6) i;
INSERT INTO audit_events SELECT i, timestamptz '2024-01-01' + i * interval '10 seconds',
       jsonb_build_object('user', i % {rows}, 'action', 'update', 'before', md5(i::text), 'after', md5((i + 7)::text))
  FROM generate_series(1, {rows} * 3) i;
INSERT INTO chunks SELECT i, repeat(md5(i::text) || ' ', 12),
       (SELECT array_agg(random() + (n + i) * 0)::real[] FROM generate_series(1, 64) n)::vector
  FROM generate_series(1, {rows} / 4) i;
ANALYZE
"""


def main() -> None:
    """Measure both variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    server = embedded.start()
    folder = Path(tempfile.mkdtemp(prefix="hx", dir=arguments.folder))
    recreate(server.url("postgres"), DATABASE)
    try:
        with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
            for statement in _SHOP.format(rows=arguments.rows).split(";"):
                connection.execute(statement.encode())
            row = connection.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
        print(f"{row[0] if row else '?'}, of which the plan rewrites orders")
        _compare(server.url(DATABASE), folder, arguments.rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        drop(server.url("postgres"), DATABASE)


def _compare(url: str, folder: Path, rounds: int) -> None:
    def touched() -> None:
        request = BackupRequest(BackupScope.TOUCHED, folder / "backups", keep=1)
        backup_taker(DatabaseURL.parse(url), request).take(BackupScope.TOUCHED, {"public.orders"})

    def full() -> None:
        request = BackupRequest(BackupScope.FULL, folder / "full", keep=1)
        backup_taker(DatabaseURL.parse(url), request).take(BackupScope.FULL)

    def everything() -> None:
        program = str(embedded.binary("pg_dump"))
        subprocess.run([program, "-Fc", f"--file={folder / 'everything'}", url], check=True)

    variants: dict[str, Callable[[], None]] = {
        "pg_dump -Fc of everything": everything,
        "--backup touched": touched,
        "--backup full": full,
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    base = statistics.median(times["pg_dump -Fc of everything"])
    print(f"{'variant':<28} {'median s':>9} {'ratio':>7}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:<28} {median:>9.2f} {median / base:>7.2f}")


if __name__ == "__main__":
    main()
