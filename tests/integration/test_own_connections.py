"""The tool's own connections lead to the sandbox, whatever stands in the environment or in its folder."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.postgres import direct
from adapter.outbound.postgres.errors import DatabaseError
from tests.conftest import Server
from tests.history import History
from tests.integration.isolation.victim import Victim, running_victim
from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

_SERVICE = "[elsewhere]\nhostaddr=127.0.0.1\nport=1\n"
# Nothing listens at port 1: whoever goes there fails.
_MISLEADING = {
    "PGHOSTADDR": "127.0.0.1",
    "PGSERVICE": "elsewhere",
    "PGHOST": "127.0.0.1",
    "PGPORT": "1",
    "PGUSER": "nobody_there",
    "PGDATABASE": "nowhere",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGCHANNELBINDING": "require",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGTARGETSESSIONATTRS": "standby",
    "PGOPTIONS": "-c role=nobody_there",
    "PGGSSENCMODE": "require",
    "PGCONNECT_TIMEOUT": "never",
    "PGCLIENTENCODING": "nonsense",
}


@pytest.mark.parametrize("name", _MISLEADING)
def test_a_variable_leads_nowhere_else(
    name: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session is where the URL says, whatever one of libpq's variables says; the environment is as it was then."""
    (tmp_path / "services").write_text(_SERVICE)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv(name, _MISLEADING[name])
    with direct.connect(server.url()) as connection:
        where = connection.execute("SELECT current_user, current_database(), inet_server_addr()").fetchone()

    assert where == (server.user, "postgres", None)
    assert os.environ[name] == _MISLEADING[name]


def test_all_variables_at_once(history: History, tmp_path: Path) -> None:
    """A revision is analyzed as always where the caller's shell is set up for another server."""
    (tmp_path / "services").write_text(_SERVICE)
    history.add("r1", None, "op.execute('CREATE TABLE t (id int)')", "op.execute('DROP TABLE t')")
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "-c", str(history.plain_ini())]
    environment = process_environment(**_MISLEADING, PGSERVICEFILE=str(tmp_path / "services"))
    for name in ("PGOPTIONS", "PGCONNECT_TIMEOUT", "PGCLIENTENCODING"):
        del environment[name]  # the project's own sessions have it, as they would without the sandbox
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)

    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert "SAFE" in done.stdout


def test_how_to_sign_in_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password and the means of encryption come from the environment where the URL has none; a place never does."""
    monkeypatch.setenv("PGPASSWORD", "of the environment")
    monkeypatch.setenv("PGSSLMODE", "require")
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")

    assert psycopg.conninfo.conninfo_to_dict(direct.with_sign_in("postgresql://ana@db/shop?sslmode=disable")) == {
        "user": "ana",
        "host": "db",
        "dbname": "shop",
        "sslmode": "disable",
        "password": "of the environment",
    }


def test_the_tool_connects_by_one_function() -> None:
    """No room of the tool connects to a sandbox by psycopg itself; a target is reached as psql would reach it."""
    rooms = PROJECT_ROOT / "adapter" / "outbound" / "migration"
    others = [
        str(path.relative_to(rooms))
        for path in rooms.rglob("*.py")
        if {"target", "agent"}.isdisjoint(path.parts) and re.search(r"\bpsycopg\.connect\(", path.read_text())
    ]
    assert others == []


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    """Return a server that plays production."""
    with running_victim(18) as running:
        running.add_roles(["postgres"])
        yield running


def _mislead(sandbox: Path, victim: Victim) -> None:
    """Put the victim's socket in the place of the sandbox's."""
    place = sandbox / "18" / ".s.PGSQL.5432"
    place.unlink(missing_ok=True)
    place.symlink_to(victim.sockets / f".s.PGSQL.{victim.port}")


@pytest.mark.exhaustive
@pytest.mark.long
def test_another_servers_socket_is_not_taken_for_the_sandbox(victim: Victim, history: History, tmp_path: Path) -> None:
    """Where a revision has put production's socket in the place of the sandbox's, nothing is changed in production."""
    history.add("r1", None, "op.execute('CREATE TABLE t (id int)')", "op.execute('DROP TABLE t')")
    folder = tmp_path / "sandbox"
    command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "analyze", "-c", str(history.plain_ini())]
    environment = process_environment(HEXALEMBIC_SANDBOX_DIR=str(folder), HEXALEMBIC_POSTGRES_LINGER="20")
    before = victim.state()
    subprocess.run(command, env=environment, capture_output=True, check=True, timeout=300)
    _mislead(folder, victim)
    position = victim.log_position()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)

    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or "the server of" in done.stderr, done.stderr
    assert victim.state() == before
    assert [seen.user for seen in victim.connections(position) if seen.user] == []  # closed before a role was named


def test_a_server_is_known_by_its_control_file(victim: Victim, tmp_path: Path) -> None:
    """A sandbox that must connect anew notices that another server answers, before it changes anything."""
    before = victim.state()
    with EmbeddedSandbox(18, tmp_path / "sandbox") as sandbox:
        place = sandbox.url.parameter("host")
        genuine = Path(place, "genuine")
        Path(place, ".s.PGSQL.5432").rename(genuine)
        _mislead(tmp_path / "sandbox", victim)
        sandbox._connection.close()  # noqa: SLF001 - as when its session was ended from outside
        with pytest.raises(DatabaseError, match="is not the sandbox's server"):
            sandbox.create()
        genuine.replace(Path(place, ".s.PGSQL.5432"))
        sandbox.create()

    assert victim.state() == before
