"""`--production`: only the database that was confirmed by its host and name is meant."""

import subprocess
import sys

import psycopg
import pytest

from adapter.outbound.migration.target.confirmed import require_confirmed
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.url import DatabaseURL
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment

_COMMAND = [sys.executable, "-c", "from adapter.inbound.cli.migrate import main; main()"]


def test_the_confirmed_database_passes(server: Server, empty_url: str) -> None:
    """Host and name must be those of the session, with or without the port, whatever the case of the host."""
    url = DatabaseURL.parse(empty_url)
    host = server.host or ""
    for confirmed in (f"{host}/hexalembic_empty", f"{host.upper()}:{server.port}/hexalembic_empty"):
        require_confirmed(url, confirmed)
    for other in (f"{host}/postgres", "db.example.com/hexalembic_empty", f"{host}:1/hexalembic_empty"):
        with pytest.raises(DatabaseConfigurationError, match="and --production names another one"):
            require_confirmed(url, other)
    for unreadable in ("", "shop", "/shop", f"{host}/"):
        with pytest.raises(DatabaseConfigurationError, match="names no host and database"):
            require_confirmed(url, unreadable)


@pytest.mark.long
@pytest.mark.one_major
@pytest.mark.parametrize("command", [("deploy", "--yes"), ("preflight",)])
def test_another_database_is_refused(history: History, empty_url: str, command: tuple[str, ...]) -> None:
    """The command ends with exit 2 and two lines before any revision runs, and leaves nothing in the database."""
    history.add("r1", None, 'op.execute("CREATE TABLE shops (id int)")')
    options = ["-c", str(history.ini()), "--url", empty_url, "--production", "db.example.com/shop"]
    done = subprocess.run(
        [*_COMMAND, *command, *options],
        cwd=PROJECT_ROOT,
        env=process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("error: this is the database hexalembic_empty at ")
    assert second.startswith("hint: correct --url or DATABASE_URL")
    with psycopg.connect(empty_url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)
