"""Seconds per revision of `migrate verify`, where they go, and steps per second on a stairway.

    python -m benchmarks.verify [--rounds 3] [--jobs N] [--kills] [--revisions 100] [--calls 20] [--command-line 2]

This project's whole history, each time in an empty sandbox: the round trip alone, and all proofs but the kills; with
`--kills` once all proofs. Where the seconds go is measured around the functions in `_parts`, each without what it calls
of the others, in all lanes together: with `--jobs 1` the parts and the rest are the whole. What a kill takes, with all
that belongs to it, is one part. Databases are copied and dropped all the time, and that depends on the file system (see
`benchmarks.fixtures`): the sandbox is in `--folder`, by default in memory.

The stairway goes up, down and up again with each of the generated revisions: through the agent's job `stairs`, as
`migrate verify` does before it looks at anything; with `alembic.command` in one process; and with a process a step.
`--calls` and `--command-line` are the revisions of the latter two, because a step of theirs takes longer the more
revisions there are to read and always as long as the others: steps per second are compared. Variants take turns;
medians are printed.
"""

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions
from adapter.outbound.migration.catalog import digester, inspector
from adapter.outbound.migration.project import client as tracer
from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.rows import fill
from adapter.outbound.migration.sandbox import sandbox
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.traffic import application_statements
from adapter.outbound.migration.trial import database as revision_database
from adapter.outbound.migration.trial import repetition, row_maker
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.project import Project
from adapter.outbound.postgres import embedded
from benchmarks.scratch import ROOT, generate

_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp creates a private folder in it
_AIM_SECONDS = 20.0  # target for all proofs except the kills
_AIM_STEPS = 250.0  # target in steps per second
_ADDING = threading.Lock()
_MODULES = (application_statements, revision_database, row_maker)


class Clock(threading.local):
    """A clock that sums the time of each part, without the time of nested parts."""

    def __init__(self, seconds: dict[str, float], calls: dict[str, int]) -> None:
        """Start the clock of a thread; all threads add to the same sums."""
        self._seconds = seconds
        self._calls = calls
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def running(self, part: str) -> Iterator[None]:
        """Add the time of the block to a part, except the time of nested parts; all time in a kill counts as kills."""
        if "kills" in self._open:
            yield
            return
        self._turn()
        self._open.append(part)
        with _ADDING:
            self._calls[part] += 1
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        now = time.perf_counter()
        if self._open:
            with _ADDING:
                self._seconds[self._open[-1]] += now - self._since
        self._since = now


@dataclass
class Run:
    """The durations of a run.

    Attributes:
        seconds: Total duration in seconds.
        parts: Seconds by part, summed over all lanes.
        calls: Number of calls by part.
        revisions: Number of verified revisions.
    """

    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    revisions: int = 0


def main() -> None:
    """Measure all variants and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--revisions", type=int, default=100)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--command-line", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hx", dir=arguments.folder))
    try:
        _history(folder, arguments.rounds, arguments.jobs, kills=arguments.kills)
        _stairway(folder / "stairway", arguments.rounds, arguments.revisions, arguments.calls, arguments.command_line)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _history(folder: Path, rounds: int, jobs: int | None, *, kills: bool) -> None:
    variants = {"round trip": "round-trip", "all but kills": "round-trip,repeat,compat"}
    runs: dict[str, list[Run]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, only in variants.items():
            runs[name].append(_verify(folder / "sandbox", only, jobs))
    if kills:
        runs["with kills"] = [_verify(folder / "sandbox", "round-trip,repeat,compat", jobs, kills=True)]
    for name, variant_runs in runs.items():
        total, revisions = statistics.median(run.seconds for run in variant_runs), variant_runs[0].revisions
        print(f"{name}: {revisions} revisions in {total:.1f} s, {total / revisions:.3f} s/revision")
        _print_parts(variant_runs, total if jobs == 1 else None)
    print(f"aim for all but kills: {_AIM_SECONDS:.0f} s\n")


def _print_parts(runs: list[Run], total: float | None) -> None:
    names = {part for run in runs for part in run.parts}
    parts = {part: statistics.median(run.parts[part] for run in runs) for part in names}
    if total is not None:
        parts["everything else"] = total - sum(parts.values())
    whole = sum(parts.values())
    for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"  {part:<34} {seconds:>7.2f} s {seconds / whole:>5.0%} {runs[-1].calls.get(part, ''):>6}")


def _verify(place: Path, only: str, jobs: int | None, *, kills: bool = False) -> Run:
    """Verify this project in a new sandbox, and return the durations."""
    place.mkdir()
    os.environ["HEXALEMBIC_SANDBOX_DIR"] = str(place)
    request = ProjectRequest(config=ROOT / "alembic.ini", rows=200, jobs=jobs)
    verification = VerificationRequest("base:heads", only, certificates=place / "certificates.json")
    run = Run()
    try:
        start = time.perf_counter()
        with _timed(Clock(run.parts, run.calls), kills=kills):
            report = verify_revisions(request, verification, lambda *_: None)
        run.seconds = time.perf_counter() - start
    finally:
        for root in (place, *place.glob("lane-*")):
            embedded.stop(root=root, force=True)
        shutil.rmtree(place, ignore_errors=True)
    if report.failed:
        raise SystemExit(render_verification(report, "text", verbose=False, color=False))
    run.revisions = len(report.proofs)
    return run


@contextmanager
def _timed(clock: Clock, *, kills: bool) -> Iterator[None]:
    """Patch the parts of the proofs with timers during the block, and skip the kills unless `kills`."""
    killed = repetition._killed  # noqa: SLF001 - the timed function is not public

    def kill(*arguments: Any, **keywords: Any) -> list[str]:
        return list(killed(*arguments, **keywords)) if kills else []

    with ExitStack() as undo:
        undo.callback(setattr, repetition, "_killed", killed)
        repetition._killed = _counted(clock, kill, "kills")  # noqa: SLF001
        for owner, name, part in _parts():
            original = getattr(owner, name)
            undo.callback(setattr, owner, name, original)
            setattr(owner, name, _counted(clock, original, part))
        yield


def _counted(clock: Clock, function: Callable[..., Any], part: str) -> Callable[..., Any]:
    @wraps(function)
    def counted(*arguments: Any, **keywords: Any) -> Any:
        with clock.running(part.format(*arguments)):
            return function(*arguments, **keywords)

    return counted


def _parts() -> Iterator[tuple[Any, str, str]]:
    """Return the owner and the name of each timed function, and its part; {1} is the function's second argument."""
    for function, part in ((inspector.snapshot, "snapshots"), (digester.digest, "digests"), (fill, "rows")):
        for module in _MODULES:
            yield from ((module, name, part) for name, value in list(vars(module).items()) if value is function)
    for name in ("_create", "_disconnect", "save_template"):
        yield sandbox.ServerSandbox, name, "copies of databases"
    yield sandbox.ServerSandbox, "_drop", "drops of databases"
    yield EmbeddedSandbox, "__init__", "start of the server"
    yield tracer.Agent, "run", "agent: {1.command}, traced: {1.trace}"
    for name in ("__init__", "try_on", "try_again"):
        yield application_statements.ApplicationStatements, name, "statements of the application"


def _stairway(project: Path, rounds: int, count: int, calls: int, processes: int) -> None:
    _generate(project, count)
    server = embedded.start(root=project.parent / "server", settings={"fsync": "off", "synchronous_commit": "off"})
    variants = {
        "agent's job stairs": (count, _through_agent),
        "alembic.command": (calls, _through_command),
        "alembic, a process a step": (processes, _through_processes),
    }
    rates: dict[str, list[float]] = {name: [] for name in variants}
    try:
        with sandbox.ServerSandbox(server.url("postgres")) as databases:
            for _ in range(rounds):
                for name, (revisions, run) in variants.items():
                    rates[name].append(3 * revisions / run(databases, project, revisions))
    finally:
        embedded.stop(server.major, project.parent / "server", force=True)
        embedded.release(server)
    base = statistics.median(rates["alembic.command"])
    print(f"stairway of {count} revisions\n{'variant':<28} {'steps':>6} {'steps/s':>9} {'ratio':>8}")
    for name, variant_rates in rates.items():
        rate = statistics.median(variant_rates)
        print(f"{name:<28} {3 * variants[name][0]:>6} {rate:>9.1f} {rate / base:>8.2f}")
    print(f"aim for the agent's job: {_AIM_STEPS:.0f} steps/s")


def _through_agent(databases: sandbox.ServerSandbox, project: Path, count: int) -> float:
    with Agent() as agent:
        runner = RevisionDatabases(Project(project / "alembic.ini"), databases, agent)
        entries = runner.history().entries[:count]
        steps = tuple(
            (entry.revision, direction) for entry in entries for direction in ("upgrade", "downgrade", "upgrade")
        )
        with runner.maker.create() as database:
            start = time.perf_counter()
            result = database.run("stairs", steps=steps)
            seconds = time.perf_counter() - start
            _check(database.url, count)
    if result.error is not None or len(result.runs) != len(steps):
        raise SystemExit(f"the agent's stairs broke: {result.error}")
    return seconds


def _through_command(databases: sandbox.ServerSandbox, project: Path, count: int) -> float:
    url = databases.create()
    config = Config(project / "alembic.ini", stdout=io.StringIO())
    config.set_main_option("sqlalchemy.url", _sqlalchemy(url).replace("%", "%%"))
    start = time.perf_counter()
    for number in range(count):
        command.upgrade(config, _name(number))
        command.downgrade(config, "-1")
        command.upgrade(config, _name(number))
    seconds = time.perf_counter() - start
    _check(url, count)
    databases.drop(url)
    return seconds


def _through_processes(databases: sandbox.ServerSandbox, project: Path, count: int) -> float:
    url = databases.create()
    settings = (project / "alembic.ini").read_text(encoding="utf-8")
    config = project / "with_url.ini"
    address = _sqlalchemy(url).replace("%", "%%")
    config.write_text(
        settings.replace("sqlalchemy.url = postgresql+psycopg://", f"sqlalchemy.url = {address}"), "utf-8"
    )
    start = time.perf_counter()
    for number in range(count):
        for step in (("upgrade", _name(number)), ("downgrade", "-1"), ("upgrade", _name(number))):
            alembic = [sys.executable, "-m", "alembic", "-c", str(config), *step]
            subprocess.run(alembic, cwd=project, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    _check(url, count)
    databases.drop(url)
    return seconds


def _generate(project: Path, count: int) -> None:
    tables = (f"t{number}" for number in range(count))
    generate(
        project,
        ((f"CREATE TABLE {table} (id bigint PRIMARY KEY, note text)", f"DROP TABLE {table}") for table in tables),
    )


def _name(number: int) -> str:
    return f"r{number:03}"


def _sqlalchemy(url: str) -> str:
    return url.replace("://", "+psycopg://", 1)


def _check(url: str, count: int) -> None:
    """Raise SystemExit unless the database is at the last revision."""
    with psycopg.connect(url) as connection:
        heads = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if heads != [(_name(count - 1),)]:
        raise SystemExit(f"the stairway ended at {heads}")


if __name__ == "__main__":
    main()
