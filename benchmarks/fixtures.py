"""Tests per second when each test has a migrated database of its own.

    python -m benchmarks.fixtures [--rounds 3] [--tests 30] [--folder FOLDER]

A pytest run a variant and round, over this project's schema, all on one embedded server: the plugin's fixture
`migrated_database` (a template clone), `alembic upgrade head` through `alembic.command` on an empty database, and
pytest-alembic's `alembic_runner.migrate_up_to("heads")` on an empty database (`pip install pytest-alembic`; without it
the row is missing). Each test reads one row. What is counted is set-up, test and tear-down; the first test of a run is
told apart, because it imports, and for the clones makes the template. Variants take turns; medians are printed, and the
ratio to the upgrade.

A database is about 300 files. Where the server's data lies decides what it costs to make and delete them: ext4 without
a journal does not use an inode again for minutes after a deletion and passes all such ones each time that it looks for
one (`recently_deleted` in fs/ext4/ialloc.c), which takes longer with every database dropped. They are in `--folder`, by
default in memory, for all variants.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

from adapter.outbound.postgres import embedded
from benchmarks.scratch import ROOT

_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp creates a private folder in it
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
_TESTS = """
import psycopg
import pytest


@pytest.mark.parametrize("number", range({tests}))
def test(url, number):
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM locales").fetchone() > (0,)
"""
# Sums the durations of each test's phases, and writes them to a file.
_CONFTEST = """
import io
import json
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, pool

from adapter.outbound.postgres.url import DatabaseURL
from benchmarks import scratch

SERVER = {server!r}
seconds = {{}}


def pytest_runtest_logreport(report):
    seconds[report.nodeid] = seconds.get(report.nodeid, 0) + report.duration


def pytest_sessionfinish():
    Path({result!r}).write_text(json.dumps(list(seconds.values())))


@pytest.fixture
def empty():
    scratch.recreate(SERVER, "benchmark_fixtures")
    yield DatabaseURL.parse(SERVER).with_database("benchmark_fixtures")
    scratch.drop(SERVER, "benchmark_fixtures")
"""
_CLONE = """
@pytest.fixture(scope="session")
def hexalembic_server():
    return SERVER


@pytest.fixture
def url(migrated_database):
    return migrated_database
"""
_UPGRADE = """
@pytest.fixture
def url(empty):
    command.upgrade(scratch.alembic_config(empty.libpq, io.StringIO()), "head")
    return empty.libpq
"""
_PYTEST_ALEMBIC = """
@pytest.fixture
def alembic_config(empty):
    return scratch.alembic_config(empty.libpq, io.StringIO())


@pytest.fixture
def alembic_engine(empty):
    return create_engine(empty.libpq.replace("://", "+psycopg://", 1), poolclass=pool.NullPool)


@pytest.fixture
def url(empty, alembic_runner):
    alembic_runner.migrate_up_to("heads")
    return empty.libpq
"""


def main() -> None:
    """Measure all variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tests", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
    arguments = parser.parse_args()
    variants = {"alembic upgrade head": _UPGRADE, "migrated_database": _CLONE}
    if importlib.util.find_spec("pytest_alembic"):
        variants["pytest-alembic"] = _PYTEST_ALEMBIC
    else:
        print("pytest-alembic is not installed (pip install pytest-alembic): not measured")
    folder = Path(tempfile.mkdtemp(prefix="hx", dir=arguments.folder))
    server = embedded.start(root=folder, settings=_SETTINGS)
    measured: dict[str, list[list[float]]] = {name: [] for name in variants}
    try:
        for round_ in range(arguments.rounds):
            for number, (name, fixtures) in enumerate(variants.items()):
                project = folder / f"tests{round_}{number}"
                measured[name].append(_run(project, fixtures, server.url("postgres"), arguments.tests))
    finally:
        embedded.stop(server.major, folder, force=True)
        embedded.release(server)
        shutil.rmtree(folder, ignore_errors=True)
    _print(measured)


def _run(project: Path, fixtures: str, server: str, tests: int) -> list[float]:
    """Run pytest, and return the duration of each test in seconds."""
    project.mkdir()
    result = project / "seconds.json"
    (project / "pytest.ini").write_text(f"[pytest]\nhexalembic_config = {ROOT / 'alembic.ini'}\n", encoding="utf-8")
    (project / "test_it.py").write_text(_TESTS.format(tests=tests), encoding="utf-8")
    (project / "conftest.py").write_text(
        _CONFTEST.format(server=server, result=str(result)) + fixtures, encoding="utf-8"
    )
    installed = any(point.name == "hexalembic" for point in entry_points(group="pytest11"))
    plugin = [] if installed else ["-p", "adapter.inbound.testing.plugin"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin],
        cwd=project,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise SystemExit(run.stdout + run.stderr)
    seconds: list[float] = json.loads(result.read_text(encoding="utf-8"))
    return seconds


def _print(measured: dict[str, list[list[float]]]) -> None:
    first_seconds = {name: statistics.median(run[0] for run in runs) for name, runs in measured.items()}
    rates = {name: statistics.median(len(run[1:]) / sum(run[1:]) for run in runs) for name, runs in measured.items()}
    print(f"{'variant':<24} {'first test ms':>14} {'then ms':>9} {'tests/s':>9} {'ratio':>7}")
    for name, rate in rates.items():
        ratio = rate / rates["alembic upgrade head"]
        print(f"{name:<24} {first_seconds[name] * 1000:>14.0f} {1000 / rate:>9.0f} {rate:>9.1f} {ratio:>7.2f}")


if __name__ == "__main__":
    main()
