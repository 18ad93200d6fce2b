"""Whether the application starts on a database that is not at the code's revision."""

from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory

from adapter.outbound.database.readiness import DatabaseBehindError, find_heads, read_revisions
from adapter.outbound.postgres.errors import DatabaseError
from tests.integration.backends import act, rows
from tests.support import alembic_config, run

pytestmark = pytest.mark.one_major


def head() -> str:
    """Return the head as Alembic's own reader sees it."""
    revision = ScriptDirectory.from_config(alembic_config("postgresql://nowhere")).get_current_head()
    assert revision is not None
    return revision


def test_heads_are_those_of_alembic() -> None:
    """Parsing the revision files finds the same revisions and heads as Alembic, which runs them."""
    scripts = ScriptDirectory.from_config(alembic_config("postgresql://nowhere"))
    parents = read_revisions(Path(scripts.versions))
    assert parents.keys() == {script.revision for script in scripts.walk_revisions()}
    assert find_heads(parents) == set(scripts.get_heads())


def test_branches_and_dependencies_are_read(tmp_path: Path) -> None:
    """Merges, several heads, dependencies and both ways to write an assignment are understood."""
    (tmp_path / "a.py").write_text("revision = 'a'\ndown_revision = None\n")
    (tmp_path / "b.py").write_text("revision: str = 'b'\ndown_revision: str = 'a'\n")
    (tmp_path / "c.py").write_text("revision = 'c'\ndown_revision = ('a', 'b')\ndepends_on = None\n")
    (tmp_path / "d.py").write_text("revision = 'd'\ndown_revision = None\ndepends_on = 'b'\n")
    (tmp_path / "helper.py").write_text("value = 1\n")
    assert find_heads(read_revisions(tmp_path)) == {"c", "d"}


def test_database_at_head_is_ready(migrated_url: str) -> None:
    """On a database at head the application starts without a word."""

    async def warning(backend: object) -> object:
        return backend.warning  # type: ignore[attr-defined]

    assert act(migrated_url, warning) is None


def test_empty_database_is_refused(empty_url: str) -> None:
    """Without a schema the application does not start: two lines say what is needed and which command mends it."""
    result = run("adapter.inbound.cli.backend", "product", "list", url=empty_url)
    assert result.returncode == 3
    assert result.stderr.splitlines() == [
        f"error: the database is at no revision, the code needs {head()}",
        "hint: alembic upgrade head",
    ]


def test_database_behind_is_refused_until_upgraded(migrated_url: str) -> None:
    """One revision behind, the application refuses and names both; after the command of the hint it starts."""
    command.downgrade(alembic_config(migrated_url), "-1")
    [(current,)] = rows(migrated_url, "SELECT version_num FROM alembic_version")
    with pytest.raises(DatabaseBehindError, match=f"at {current}, the code needs {head()}") as refused:
        act(migrated_url, lambda backend: backend.list_products())
    assert isinstance(refused.value, DatabaseError)
    assert refused.value.hint == "alembic upgrade head"
    command.upgrade(alembic_config(migrated_url), "head")
    assert act(migrated_url, lambda backend: backend.list_products()) == []


def test_database_ahead_warns(migrated_url: str) -> None:
    """Old code starts on a newer schema, as it must while a deployment goes on, and says so."""
    rows(migrated_url, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    result = run("adapter.inbound.cli.backend", "product", "list", url=migrated_url)
    assert (result.returncode, result.stdout) == (0, "There are no products.\n")
    assert result.stderr.startswith("warning: the database is at ffffffffffff, which this code does not know")
