"""`migrate history`: past deployments, from the database and from the file beside the project."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.bootstrap.journal import IN_DATABASE, journal_of
from adapter.outbound.migration.target.state import DatabaseTarget
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.journal import Event
from tests.support import run
from tests.unit.domain.migration.deployment.journals import entry

pytestmark = pytest.mark.one_major


def history(config: Path, *arguments: str, url: str | None = None) -> Any:
    """Return what the command says to a program."""
    command = ("adapter.inbound.cli.migrate", "history", "-c", str(config), "--format", "json", *arguments)
    result = run(*command, url=url)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["deployments"]


def test_history(empty_url: str, tmp_path: Path) -> None:
    """An empty database has none, and reading makes nothing; then each entry counts once, wherever it was written."""
    config = tmp_path / "alembic.ini"
    config.write_text("[alembic]\nscript_location = migrations\n")
    result = run("adapter.inbound.cli.migrate", "history", "-c", str(config), url=empty_url)
    assert (result.returncode, result.stderr) == (0, "")
    words = " ".join(result.stdout.split())
    assert words.startswith("no deployment is recorded in postgresql://")
    assert "migrate deploy writes this journal" in words
    assert [*tmp_path.iterdir()] == [config]

    database = DatabaseURL.parse(empty_url)
    target = DatabaseTarget(database).identity()
    with journal_of(IN_DATABASE, tmp_path, database, target) as journal:
        journal.write(entry(Event.STARTED, 0))
        journal.write(entry(Event.COMMITTED, 1, seconds=1.0))
    with psycopg.connect(empty_url, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM hexalembic.journal").fetchone() == (2,)
        (deployment,) = history(config, url=empty_url)
        assert (deployment["outcome"], len(deployment["steps"])) == ("committed", 1)
        assert deployment["database"] == target.name
        connection.execute("DROP SCHEMA hexalembic CASCADE")
    assert history(config, url=empty_url) == [deployment]
    assert history(config, "--journal", "file", url="postgresql://nobody@127.0.0.1:1/none") == [deployment]
    with (tmp_path / ".hexalembic" / "journal.jsonl").open("a") as file, closing(file):
        file.write('{"at": ')
    result = run("adapter.inbound.cli.migrate", "history", "-c", str(config), "--journal", "file")
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)
    assert "line 3 is left out" in result.stderr
    assert "1 deployment in" in result.stdout


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """A server that is not there, and a damaged file, are two lines and exit code 3."""
    config = tmp_path / "alembic.ini"
    config.write_text("[alembic]\n")
    (tmp_path / ".hexalembic").mkdir()
    (tmp_path / ".hexalembic" / "journal.jsonl").write_text("\n{}\n")
    command = ("adapter.inbound.cli.migrate", "history", "-c", str(config))
    nobody = run(*command, url="postgresql://ana:s3cret@127.0.0.1:1/shop")
    damaged = run(*command, "--journal", "file")
    assert (nobody.returncode, damaged.returncode) == (3, 3)
    assert nobody.stderr.startswith("error: No Postgres server answers at postgresql://ana:***@127.0.0.1:1/shop")
    assert "line 1 is no entry of a journal" in damaged.stderr
    assert "Traceback" not in nobody.stderr + damaged.stderr
