"""`alembic upgrade head --sql`: a script for whoever may not run Python against the database."""

import subprocess
import sys

import pytest

from adapter.outbound.postgres import embedded
from tests.catalogs import EMPTY, assert_equal, catalog
from tests.support import PROJECT_ROOT, process_environment, run

pytestmark = pytest.mark.one_major


def psql(url: str, script: str) -> None:
    """Run a script as an administrator would."""
    subprocess.run(
        [embedded.binary("psql"), "-X", "-q", url],
        input=script,
        text=True,
        check=True,
        capture_output=True,
        timeout=60,
    )


def test_offline_equals_online(migrated_url: str, empty_url: str) -> None:
    """The script, run by psql on an empty database, gives the catalog of the online upgrade, its stamp included."""
    script = run("alembic", "upgrade", "head", "--sql")
    assert script.returncode == 0, script.stderr
    psql(empty_url, script.stdout)

    assert_equal(catalog(migrated_url), catalog(empty_url))
    assert run("alembic", "current", "--check-heads", url=empty_url).returncode == 0


def test_offline_downgrade(migrated_url: str) -> None:
    """The script of the whole way down leaves nothing but Alembic's table."""
    script = run("alembic", "downgrade", "head:base", "--sql")
    assert script.returncode == 0, script.stderr
    psql(migrated_url, script.stdout)

    assert set(catalog(migrated_url).objects) == EMPTY


def test_offline_script_has_the_timeouts() -> None:
    """The script sets the short lock timeout at its top and the long one around each concurrent build."""
    script = run("alembic", "-x", "lock_timeout=3s", "-x", "concurrent_lock_timeout=2h", "upgrade", "head", "--sql")
    lines = [line for line in script.stdout.splitlines() if line]
    build = next(number for number, line in enumerate(lines) if line.startswith("CREATE INDEX CONCURRENTLY"))

    assert "SET lock_timeout = '3s';" in lines[:6]
    assert lines[build - 1] == "SET lock_timeout = '2h';"
    assert "SET lock_timeout = '3s';" in lines[build + 1 : build + 4]


def test_offline_asks_no_database() -> None:
    """The script comes without a server, even when the URL points nowhere."""
    assert run("alembic", "upgrade", "head", "--sql", url="postgresql://nowhere.invalid/x").returncode == 0


@pytest.mark.parametrize(
    ("output", "exit_code", "says"), [("/dev/full", 255, "The disk of this command is full"), ("| head -n 1", 1, "")]
)
def test_script_that_cannot_be_written(output: str, exit_code: int, says: str) -> None:
    """A script without an end is an error on stderr, not a traceback; with nobody to read it, no word is said."""
    script = f"{sys.executable} -m alembic upgrade head --sql {output if '|' in output else '> ' + output}"
    result = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", script],
        cwd=PROJECT_ROOT,
        env=process_environment("postgresql://127.0.0.1:1/nowhere"),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = [line for line in result.stderr.splitlines() if not line.startswith("INFO")]

    assert result.returncode == exit_code, result.stderr
    assert len(lines) == (2 if says else 0), lines
    assert says in result.stderr
