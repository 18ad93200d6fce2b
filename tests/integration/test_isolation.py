"""Nothing that a project does reaches a real database: a server that plays production is attacked, and logs who came.

Every way is tried by whole processes, as a user runs them: `migrate analyze` and `migrate verify`, over TCP, over the
victim's Unix socket and over its abstract socket.
"""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.isolation import table
from tests.integration.isolation.attacker import INHERITED, LATER, OVER, Attacker, Outcome, Way, env_ways, revision_ways
from tests.integration.isolation.user import Account, accounts, folder_for_everybody
from tests.integration.isolation.victim import Victim, running_victim
from tests.real_projects.environments import environment

REQUIREMENTS = Path(__file__).parent / "isolation" / "requirements.txt"
# Ways of every kind, for a quick look; all of them take minutes.
CORE = {
    "psycopg_connect",
    "psycopg_pq",
    "psycopg2_connection",
    "pg8000_dbapi",
    "asyncpg_reload",
    "psqlpy_pool",
    "engine_pg8000",
    "engine_creator_pg8000",
    "listener_raw_connection",
    "django_connection",
    "alembic_subprocess",
    "psql_clean",
    "psql_inherited_url",
    "psql_inherited_dsn",
    "multiprocessing_spawn",
    "nohup",
    "raw_socket",
    "syscall_i386",
    "io_uring",
    "socket_of_victim_root",
    "socket_uncovered",
    "socket_of_same_name",
    "socket_exchanged",
    "memory_of_others",
    "dblink",
    "postgres_fdw_insert",
    "subscription",
    "copy_to_program",
    "copy_from_program_later",
}
# verify runs each way several times
CORE_VERIFY = {"psycopg2_connection", "pg8000_native", "psql_clean", "raw_socket", "copy_to_program", "subscription"}
CORE_ENV = {"env_creator_pg8000", "env_second_connection"}
# Each major, account and command; the first one over every kind of address, the others over one, by turns, and
# exhaustive.
COMBINATIONS = [
    (major, account, command) for account in accounts() for command in ("analyze", "verify") for major in (18, 16)
]
LONG = [
    pytest.param(
        (major, account, command),
        OVER if place == 0 else OVER[place % 3 : place % 3 + 1],
        id=f"{major}-{account.name}-{command}",
        marks=[pytest.mark.exhaustive] * (place > 0),
    )
    for place, (major, account, command) in enumerate(COMBINATIONS)
]
# an env.py has a process for each way and place
LONG_ENV = [
    pytest.param(COMBINATIONS[0], OVER[:1], id="tcp", marks=pytest.mark.exhaustive),
    pytest.param(COMBINATIONS[0], OVER[1:2], id="socket", marks=pytest.mark.exhaustive),
    pytest.param(COMBINATIONS[-1], OVER[:1], id="last", marks=pytest.mark.exhaustive),
]
QUICK = [
    pytest.param((18, accounts()[0], "analyze"), id="18-analyze"),
    pytest.param((16, accounts()[-1], "verify"), id="16-verify", marks=pytest.mark.long),
]


@pytest.fixture(scope="session")
def drivers() -> Path:
    """Return a Python that has every driver."""
    return environment("isolation", REQUIREMENTS)


@pytest.fixture(scope="session")
def victims() -> Iterator[dict[int, Victim]]:
    """Return the servers that play production, one of each major."""
    with running_victim(18) as first, running_victim(16) as second:
        names = [way.name for way in (*revision_ways(), *env_ways())]
        for one in (first, second):
            one.add_roles([*names, *INHERITED])
        yield {18: first, 16: second}


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[dict[str, Path]]:
    """Return a folder for the sandbox of each account: its servers are shared by the tests, as by commands."""
    with folder_for_everybody("hxs") as folder:
        found = {}
        for account in accounts():
            found[account.name] = folder / account.name
            found[account.name].mkdir()
            os.chown(found[account.name], account.uid, account.gid)
        yield found


@pytest.fixture
def run(
    request: pytest.FixtureRequest, victims: dict[int, Victim], sandboxes: dict[str, Path], drivers: Path
) -> Iterator[tuple[Attacker, str]]:
    """Return the attacker and the command that the parameter names."""
    major, account, command = request.param
    _may_run(account, drivers)
    with folder_for_everybody("hxa") as folder:
        yield Attacker(account, folder, sandboxes[account.name], victims[major], drivers), command


def _may_run(account: Account, *pythons: Path) -> None:
    """Skip where the other user may not start Python: a checkout or an installation that is its owner's alone."""
    for python in map(str, (sys.executable, *pythons)):
        code = "import adapter.inbound.cli" if python == sys.executable else "import psycopg"
        tried = subprocess.run([python, "-c", code], cwd="/", capture_output=True, check=False, **account.starts())
        if tried.returncode:
            pytest.skip(f"user {account.uid} may not run {python}")


def _attack(
    one: Attacker, command: str, *arguments: str, later: float = 0.0, **environment: str
) -> tuple[Any, list[Outcome]]:
    """Run a command, and raise unless production is as it was and nobody came, soon after it either."""
    victim = one.victim
    before, since = victim.state(), victim.log_position()
    done = one.migrate(
        command, "-c", "alembic.ini", *arguments, "--python", str(one.python), "--pg", str(victim.major), **environment
    )
    time.sleep(later)
    outcomes = one.outcomes()
    came = Counter((seen.user, seen.host) for seen in victim.connections(since))
    after = victim.state()
    if came or after != before:
        victim.restore()
    assert not came, f"{len({user for user, _ in came})} ways reached production: {sorted(came)}\n{outcomes}"
    assert after == before
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode in {0, 1, 2}, done.stderr
    return done, outcomes


def _are_all_endings(outcomes: list[Outcome], ways: list[Way], over: tuple[str, ...]) -> None:
    tried = {(one.way, one.over) for one in outcomes}
    assert tried == {(way.name, place) for way in ways for place in over}
    strange = [one for one in outcomes if not one.refused and not one.answered.startswith("hexalembic_sandbox_")]
    assert strange == []


def _attack_by_revisions(one: Attacker, command: str, ways: list[Way], places: tuple[str, ...] = OVER) -> None:
    one.write(ways, places)
    done, outcomes = _attack(one, command, "r0:heads", "--format", "json", later=LATER)
    _are_all_endings(outcomes, ways, places)
    if command == "analyze":
        _are_sentences(json.loads(done.stdout), outcomes)
        if one.victim.major == 18:  # before 17, ALTER SYSTEM cannot be switched off: it is undone
            table.check(outcomes)


def _are_sentences(report: dict[str, Any], outcomes: list[Outcome]) -> None:
    """Raise unless each revision that was refused says so in one diagnostic of its own."""
    refused = {f"{one.way}_{one.over}" for one in outcomes if one.refused and not one.later}
    for revision in report["revisions"]:
        codes = {found["code"] for found in revision["diagnostics"]}
        assert revision["revision"] not in refused or len(codes & {"upgrade-fails", "not-in-sandbox"}) == 1, revision


@pytest.mark.long
@pytest.mark.exhaustive
@pytest.mark.parametrize("run", QUICK, indirect=True)
def test_core_of_revisions(run: tuple[Attacker, str]) -> None:
    """Ways of every kind that a revision may go end in the sandbox or in a sentence."""
    names = CORE if run[1] == "analyze" else CORE_VERIFY
    _attack_by_revisions(*run, [way for way in revision_ways() if way.name in names])


@pytest.mark.long
@pytest.mark.parametrize(("run", "places"), LONG, indirect=["run"])
def test_revisions(run: tuple[Attacker, str], places: tuple[str, ...]) -> None:
    """No way that a revision may go reaches production."""
    _attack_by_revisions(*run, revision_ways(), places)


def _is_sentence(done: Any, said: str) -> None:
    """Raise unless a refused env.py, or the revision that it ran, ended in a line with a hint and an exit code."""
    if done.returncode == 1:
        # `verify` upgrades again where it was killed, and what was committed before is in the way then
        assert "upgrade-fails" in done.stdout or "not-resumable" in done.stdout, said
        return
    error, hint, *more = done.stderr.strip().splitlines()
    assert done.returncode == 2, said
    assert error.startswith("error: "), said
    assert hint.startswith("hint: "), said
    assert more == [], said


def _attack_by_env(one: Attacker, command: str, ways: list[Way], places: tuple[str, ...]) -> None:
    one.write_env()
    endings = []
    for way in ways:
        for over in places:
            done, outcomes = _attack(one, command, "head", ATTACK_WAY=way.name, ATTACK_OVER=over)
            said = f"{way.name} over {over}: {done.stdout}{done.stderr}{outcomes}"
            refused = [ended for ended in outcomes if ended.refused]
            ended = refused[0] if refused else next(iter(outcomes), Outcome(way.name, over, refused="nothing ran"))
            assert ended.refused or ended.answered.startswith("hexalembic_sandbox_"), said
            if ended.refused:
                _is_sentence(done, said)
            # a process that it started calls itself otherwise
            endings.append(replace(ended, way=way.name, over=over))
    if one.victim.major == 18:
        table.check(endings)


@pytest.mark.long  # its drivers have to be installed
@pytest.mark.parametrize("run", QUICK[:1], indirect=True)
def test_core_of_env(run: tuple[Attacker, str]) -> None:
    """An env.py that connects by itself runs nothing on production."""
    _attack_by_env(*run, [way for way in env_ways() if way.name in CORE_ENV], OVER[:1])


@pytest.mark.long
@pytest.mark.parametrize("run", QUICK[:1], indirect=True)
@pytest.mark.parametrize("way", ["env_asks_secret_store", "env_creator_psycopg2"])
def test_what_env_wanted_is_said(run: tuple[Attacker, str], way: str) -> None:
    """An env.py that is refused the network is told so with the way out, whatever its driver made of it."""
    one, command = run
    one.write_env()
    done, _ = _attack(one, command, "head", ATTACK_WAY=way, ATTACK_OVER="tcp")
    assert done.returncode == 2, done.stdout
    assert "--allow-network" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize(("run", "places"), LONG_ENV, indirect=["run"])
def test_env(run: tuple[Attacker, str], places: tuple[str, ...]) -> None:
    """No way that an env.py may connect by itself reaches production, and what it wanted is said."""
    _attack_by_env(*run, env_ways(), places)
