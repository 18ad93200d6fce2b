"""`migrate status -c`: the database of any Alembic project beside its revisions and models, only read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.catalog.inspector import snapshot
from tests.conftest import Server
from tests.support import process_environment, run

pytestmark = pytest.mark.one_major

_INI = """
[alembic]
script_location = %(here)s/shop

[hexalembic]
env = SHOP_URL
"""
_ENV = """
import os
from alembic import context
from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine

metadata = MetaData()
Table("shops", metadata, Column("id", Integer, primary_key=True), Column("name", Text, nullable=False){more})
with create_engine(os.environ["SHOP_URL"].replace("postgresql:", "postgresql+psycopg:")).connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, version_table="shop revisions")
    with context.begin_transaction():
        context.run_migrations()
"""
_REVISION = """
from alembic import op
revision, down_revision = {revision!r}, {parent!r}
def upgrade():
    op.execute({upgrade!r})
def downgrade():
    op.execute({downgrade!r})
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The configuration of a project with two revisions, a model, and a version table of its own name."""
    versions = tmp_path / "shop" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "shop" / "env.py").write_text(_ENV.format(more=""))
    (tmp_path / "shop" / "script.py.mako").write_text("")
    statements = (
        ("r1", None, "CREATE TABLE shops (id serial PRIMARY KEY, name text)", "DROP TABLE shops"),
        ("r2", "r1", "ALTER TABLE shops ALTER name SET NOT NULL", "ALTER TABLE shops ALTER name DROP NOT NULL"),
    )
    for revision, parent, upgrade, downgrade in statements:
        text = _REVISION.format(revision=revision, parent=parent, upgrade=upgrade, downgrade=downgrade)
        (versions / f"{revision}.py").write_text(text)
    config = tmp_path / "alembic.ini"
    config.write_text(_INI)
    return config


def _alembic(config: Path, url: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "alembic", "-c", str(config), *arguments]
    subprocess.run(command, env=process_environment(SHOP_URL=url), check=True, capture_output=True)


def _status(config: Path, url: str, *more: str) -> dict[str, Any]:
    result = run("adapter.inbound.cli.migrate", "status", "-c", str(config), "--url", url, "--format", "json", *more)
    assert result.returncode == 0, result.stderr
    status: dict[str, Any] = json.loads(result.stdout)
    return status


@pytest.mark.long
def test_behind_and_at_head(shop: Path, empty_url: str) -> None:
    """What is pending is told by the project's own version table; at head, nothing differs and nothing was written."""
    assert [pending["revision"] for pending in _status(shop, empty_url)["pending"]] == ["r1", "r2"]
    _alembic(shop, empty_url, "upgrade", "r1")
    assert [pending["revision"] for pending in _status(shop, empty_url)["pending"]] == ["r2"]
    _alembic(shop, empty_url, "upgrade", "head")
    with psycopg.connect(empty_url, autocommit=True) as connection:
        before = snapshot(connection)
        status = _status(shop, empty_url)
        assert snapshot(connection) == before

    assert (status["current"], status["heads"]) == (["r2"], ["r2"])
    assert (status["pending"], status["drift"], status["problems"]) == ([], [], [])


@pytest.mark.long
def test_without_models(shop: Path, empty_url: str) -> None:
    """A project without models is compared by its revisions only, and the status says so."""
    env = shop.parent / "shop" / "env.py"
    env.write_text(_ENV.format(more="").replace("target_metadata=metadata, ", ""))
    _alembic(shop, empty_url, "upgrade", "head")
    result = run("adapter.inbound.cli.migrate", "status", "-c", str(shop), "--url", empty_url)

    assert result.returncode == 0, result.stderr
    assert "drift     none: revisions and database agree" in result.stdout
    assert "there are no models to compare" in result.stdout
    assert "models and database agree" not in result.stdout


@pytest.mark.long
def test_drift(shop: Path, empty_url: str) -> None:
    """What somebody changed by hand, and what a model has and no revision made, are told apart."""
    _alembic(shop, empty_url, "upgrade", "head")
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE shops ALTER name DROP NOT NULL; CREATE INDEX by_hand ON shops (name)")
        connection.execute("CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.theirs (id integer)")
    env = shop.parent / "shop" / "env.py"
    env.write_text(_ENV.format(more=', Column("city", Text)'))
    status = _status(shop, empty_url)

    drift = "\n".join(status["drift"])
    assert "database: index public.by_hand is unexpected" in drift
    assert "database: column public.shops.name: not null is false" in drift
    assert "models: column public.shops.city is missing" in drift
    assert "elsewhere" not in drift
    checked = run("adapter.inbound.cli.migrate", "status", "-c", str(shop), "--url", empty_url, "--check")
    assert checked.returncode == 1


@pytest.mark.long
def test_ahead(shop: Path, empty_url: str) -> None:
    """A database at a revision that the project does not have is ahead of it."""
    _alembic(shop, empty_url, "upgrade", "head")
    (shop.parent / "shop" / "versions" / "r2.py").unlink()
    status = _status(shop, empty_url)

    assert (status["unknown"], status["pending"]) == (["r2"], [])


def test_a_database_must_be_named(shop: Path) -> None:
    """Where nobody names the database of another project, none is made up for it."""
    result = run("adapter.inbound.cli.migrate", "status", "-c", str(shop))

    assert result.returncode == 2
    assert "no database is named" in result.stderr


@pytest.mark.long
def test_a_revision_that_fails(shop: Path, empty_url: str) -> None:
    """Where the revisions do not run, the rest of the status is shown, and why nothing was compared."""
    _alembic(shop, empty_url, "upgrade", "head")
    broken = shop.parent / "shop" / "versions" / "r2.py"
    broken.write_text(broken.read_text().replace("ALTER name SET", "ALTER nobody SET"))
    status = _status(shop, empty_url)

    assert status["drift"] is None
    assert 'column "nobody"' in status["drift_unknown"]


@pytest.mark.long
def test_catalogs_of_two_versions_are_not_compared(shop: Path, empty_url: str, server: Server) -> None:
    """Where the sandbox is of another version than the server, that is said instead of differences."""
    _alembic(shop, empty_url, "upgrade", "head")
    status = _status(shop, empty_url, "--pg", "16" if server.major > 16 else "18")

    assert status["drift"] is None
    assert "catalogs of two versions differ" in status["drift_unknown"]


@pytest.mark.long
def test_only_what_is_pending_is_analyzed(shop: Path, empty_url: str) -> None:
    """What `migrate analyze --target-url` takes for pending, the project's own version table says."""
    _alembic(shop, empty_url, "upgrade", "r1")
    result = run(
        "adapter.inbound.cli.migrate", "analyze", "-c", str(shop), "--target-url", empty_url, "--format", "json"
    )

    assert [analysis["revision"] for analysis in json.loads(result.stdout)["revisions"]] == ["r2"], result.stderr
