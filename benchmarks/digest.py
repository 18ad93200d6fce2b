"""A digest of a million rows, against counting them and against hashing them in Python.

    python -m benchmarks.digest [--rounds 3] [--rows 1000000]

The table has a primary key and five more columns. Prints medians, rows a second and the ratio to the digest; variants
take turns. `hashed by the client` reads the rows with a server-side cursor and sums up BLAKE2b over each value with its
key: the same kind of result without the work being done in Postgres.
"""

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable

import psycopg

from adapter.outbound.migration.catalog.digester import digest
from adapter.outbound.postgres import embedded
from benchmarks.scratch import drop, recreate

DATABASE = "benchmark_digest"


def main() -> None:
    """Measure all variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    server = embedded.start()
    admin = server.url("postgres")
    recreate(admin, DATABASE)
    try:
        with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
            for key, table in (("bigint", "by_number"), ("uuid", "by_uuid")):
                _fill(connection, table, key, arguments.rows)
            connection.execute("VACUUM ANALYZE")
            _compare(connection, arguments.rounds, arguments.rows)
    finally:
        drop(admin, DATABASE)


def _fill(connection: psycopg.Connection[tuple[object, ...]], table: str, key: str, rows: int) -> None:
    connection.execute(
        f"CREATE TABLE {table} (id {key} PRIMARY KEY, name varchar(100), email text, age integer, active boolean,"
        " created_at timestamptz)".encode()
    )
    key_expression = "n" if key == "bigint" else "md5(n::text)::uuid"
    connection.execute(
        f"INSERT INTO {table} SELECT {key_expression}, 'name ' || n, 'user' || n || '@example.org', n % 100, n % 2 = 0,"
        f" timestamptz '2020-01-01' + n * interval '1 minute' FROM generate_series(1, {rows}) AS n".encode()
    )


def _compare(connection: psycopg.Connection[tuple[object, ...]], rounds: int, rows: int) -> None:
    variants: dict[str, Callable[[], object]] = {
        "digest": lambda: digest(connection, ["public.by_number"]),
        "digest, primary key of type uuid": lambda: digest(connection, ["public.by_uuid"]),
        "SELECT count(*)": lambda: connection.execute("SELECT count(*) FROM by_number").fetchall(),
        "hashed by the client": lambda: _hashed_here(connection),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    base = statistics.median(times["digest"])
    print(f"{'variant':<34} {'median s':>9} {'rows/s':>12} {'ratio':>7}")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:<34} {median:>9.2f} {rows / median:>12,.0f} {median / base:>7.2f}")


def _hashed_here(connection: psycopg.Connection[tuple[object, ...]]) -> list[int]:
    sums = [0] * 6
    with connection.transaction(), connection.cursor("rows") as cursor:
        cursor.itersize = 10_000
        for row in cursor.execute(
            "SELECT id::text, name, email, age::text, active::text, created_at::text FROM by_number"
        ):
            for position, value in enumerate(row):
                hashed = hashlib.blake2b(f"{row[0]} {value}".encode(), digest_size=8).digest()
                sums[position] += int.from_bytes(hashed)
    return sums


if __name__ == "__main__":
    main()
