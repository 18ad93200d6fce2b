"""Seconds a revision of `migrate analyze` on schemas of many tables.

    python -m benchmarks.tables [--tables 75 150 300] [--rows 2000] [--profile]

Each table has a text key, up to three foreign keys, an index and CHECKs on one column and on several (see
`benchmarks.fill`). The first revision makes them all; twenty-one revisions behind it add columns, indexes and tables,
and write rows. One sandbox runs them, from an empty folder, so that the first one behind the tables fills them. Prints
for each number of tables the seconds of that one, the median and the most of the others. The machine may have other
work, so it also prints the load average and, as medians of the others: the seconds of processor time of the process,
the project's process and the server, the part of the server in them, and the round trips to the server. Every sixth
revision makes rows anew, which only the mean and the most show. With `--profile`, what the process itself spends its
time on is printed.
"""

import argparse
import cProfile
import os
import pstats
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import psycopg

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from adapter.outbound.postgres import embedded
from benchmarks.fill import table_sql
from benchmarks.processor import processor_time
from benchmarks.scratch import generate

_VERSION_TABLE = "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"
_RESET = f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; {_VERSION_TABLE}"


class _Cost(NamedTuple):
    """A reading of clocks and counters, or the difference of two of them.

    Attributes:
        seconds: Wall time.
        processor: Seconds of processor time of this process, the project's process and the server.
        server: The part of the server in them.
        trips: Round trips of this process to servers.
    """

    seconds: float
    processor: float
    server: float
    trips: float


class _Trips:
    """Counts the round trips of this process to servers; psycopg waits once for each."""

    count = 0
    _wait = psycopg.Connection.wait

    @staticmethod
    def wait(connection: psycopg.Connection[Any], *arguments: Any, **keywords: Any) -> Any:
        """Wait, and count it."""
        _Trips.count += 1
        return _Trips._wait(connection, *arguments, **keywords)


def main() -> None:
    """Measure each number of tables and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, nargs="+", default=[75, 150, 300])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    print(f"{'':>16} {'wall':>26} {'processor: first, mean, most, medians':>43}")
    print(f"{'tables':>6} {'revisions':>9} {'first s':>8} {'median s':>9} {'most s':>7} ", end="")
    print(f"{'first s':>8} {'mean s':>8} {'most s':>8} {'all s':>8} {'server s':>8} {'trips':>6} {'load':>6}")
    for tables in arguments.tables:
        profile = cProfile.Profile() if arguments.profile else None
        first, *others = _measured(tables, arguments.rows, profile)
        seconds, processor, server, trips = map(statistics.median, zip(*others, strict=True))
        most = max(cost.seconds for cost in others)
        mean = statistics.mean(cost.processor for cost in others)
        most_processor = max(cost.processor for cost in others)
        print(f"{tables:>6} {len(others):>9} {first.seconds:>8.2f} {seconds:>9.2f} {most:>7.2f} ", end="")
        print(f"{first.processor:>8.2f} {mean:>8.2f} {most_processor:>8.2f} {processor:>8.2f} ", end="")
        print(f"{server:>8.2f} {trips:>6.0f} ", end="")
        print(f"{os.getloadavg()[0]:>6.1f}", flush=True)
        if profile is not None:
            pstats.Stats(profile).sort_stats("cumtime").print_stats(60)


def _measured(tables: int, rows: int, profile: cProfile.Profile | None) -> list[_Cost]:
    """Return the cost of each revision behind that which makes the tables, in order."""
    with tempfile.TemporaryDirectory(prefix="hx", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.environ["HEXALEMBIC_SANDBOX_DIR"] = str(folder / "sandbox")
        generate(folder / "project", [(";".join(map(table_sql, range(tables))), _RESET), *_changes(tables)])
        request = ProjectRequest(config=folder / "project" / "alembic.ini", rows=rows, jobs=1)
        readings: list[_Cost] = []

        def read_cost(*_: object) -> None:
            own, server = processor_time(folder / "sandbox")
            readings.append(_Cost(time.perf_counter(), own + server, server, _Trips.count))

        if profile is not None:
            profile.enable()
        with mock.patch.object(psycopg.Connection, "wait", _Trips.wait):
            analyze_revisions(request, "r000:head", TargetRequest(), read_cost)
            read_cost()
        if profile is not None:
            profile.disable()
        embedded.stop(18, folder / "sandbox", force=True)
    return [_Cost(*(after - before for before, after in zip(*pair, strict=True))) for pair in pairwise(readings)]


def _changes(tables: int) -> Iterator[tuple[str, str]]:
    """Yield twenty-one pairs of upgrade and downgrade."""
    for number in range(7):
        table, other = f"t{number * 5}", f"t{tables - 1 - number}"
        yield f"ALTER TABLE {table} ADD note{number} text", f"ALTER TABLE {table} DROP note{number}"
        create = (
            f"CREATE INDEX ix_{number} ON {table} (name); CREATE TABLE n{number} (id bigserial PRIMARY KEY, "
            f"t bigint NOT NULL REFERENCES {other}, kind text CHECK (kind IN ('x', 'y')))"
        )
        yield create, f"DROP TABLE n{number}; DROP INDEX ix_{number}"
        yield f"UPDATE {other} SET name = 'x' WHERE mail = 'nobody@example.org'", "SELECT 1"


if __name__ == "__main__":
    main()
