"""`alembic revision --autogenerate`, as a developer runs it in a checkout of their own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PROJECT_ROOT, process_environment

pytestmark = pytest.mark.one_major

VERSIONS = "adapter/outbound/database/alembic/versions"
MODEL = "adapter/outbound/database/documents/models/sqlalchemy.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project whose models may be changed."""
    ignored = shutil.ignore_patterns(".venv", ".git", ".postgres", ".*_cache", "tests")
    shutil.copytree(PROJECT_ROOT, tmp_path / "checkout", ignore=ignored)
    return tmp_path / "checkout"


def alembic(checkout: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Alembic in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=checkout,
        env=process_environment(url, PYTHONPATH=str(checkout)),
        capture_output=True,
        text=True,
        check=False,
    )


def revisions(checkout: Path) -> set[str]:
    """Name the revision files."""
    return {path.name for path in (checkout / VERSIONS).glob("*.py")}


@pytest.mark.long
def test_changed_model_becomes_a_revision_that_runs(checkout: Path, migrated_url: str) -> None:
    """A new vector column and another index parameter become one formatted file that runs as it is, both ways."""
    model = checkout / MODEL
    text = model.read_text(encoding="utf-8")
    text = text.replace('"ef_construction": 64', '"ef_construction": 100').replace(
        "    content: Mapped[str]",
        '    summary: Mapped[list[float] | None] = mapped_column(Vector(384), comment="Summary")\n'
        "    content: Mapped[str]",
    )
    model.write_text(text, encoding="utf-8")
    before = revisions(checkout)
    made = alembic(checkout, migrated_url, "revision", "--autogenerate", "-m", "Summaries and a better index")
    assert made.returncode == 0, made.stderr
    (name,) = revisions(checkout) - before
    source = (checkout / VERSIONS / name).read_text(encoding="utf-8")

    assert name[13] == "_"
    assert name.endswith("_summaries_and_a_better_index.py")
    assert "import pgvector.sqlalchemy" in source
    assert "pgvector.sqlalchemy.Vector(384)" in source
    assert '"vector_cosine_ops"' in source
    assert '"ef_construction": 100' in source
    for command in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, str(checkout / VERSIONS / name)]
        linted = subprocess.run(ruff, cwd=checkout, capture_output=True, text=True, check=False)
        assert linted.returncode == 0, linted.stdout
    for step in (["check"], ["upgrade", "head"], ["check"], ["downgrade", "-1"], ["upgrade", "head"]):
        result = alembic(checkout, migrated_url, *step)
        # Before the upgrade the database is behind; after it nothing differs.
        assert result.returncode == (255 if step == ["check"] and "up to date" in result.stdout else 0), result.stderr


def test_unchanged_models_make_no_file(checkout: Path, migrated_url: str) -> None:
    """Where nothing differs no file is written, and the command says so."""
    before = revisions(checkout)
    made = alembic(checkout, migrated_url, "revision", "--autogenerate", "-m", "nothing")

    assert made.returncode == 0, made.stderr
    assert revisions(checkout) == before
    assert "no" in (made.stdout + made.stderr).lower()


def test_url_in_the_env_file(checkout: Path, migrated_url: str) -> None:
    """A `.env` at the root names the database; the environment wins over it, and an empty variable is not set."""
    (checkout / ".env").write_text(f"DATABASE_URL={migrated_url}\n", encoding="utf-8")
    from_file = alembic(checkout, "", "current", "--check-heads")
    from_environment = alembic(checkout, "postgresql://127.0.0.1:1/x", "current")

    assert from_file.returncode == 0, from_file.stdout
    assert "127.0.0.1:1" in from_environment.stdout


@pytest.mark.long
def test_status_with_two_heads(checkout: Path, migrated_url: str) -> None:
    """Of two heads, the status names both, and the commands in it run as they stand there."""
    for name in ("aaaaaaaaaaa1", "bbbbbbbbbbb2"):
        text = f'"""Branch {name}."""\n\nrevision = "{name}"\ndown_revision = "05f9c1d63e84"\n\n\n'
        text += "def upgrade() -> None:\n    pass\n\n\ndef downgrade() -> None:\n    pass\n"
        (checkout / VERSIONS / f"{name}.py").write_text(text, encoding="utf-8")

    def status() -> str:
        command = [sys.executable, "-m", "adapter.inbound.cli.migrate", "status"]
        environment = process_environment(migrated_url, PYTHONPATH=str(checkout))
        result = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    before = status()
    assert "heads     aaaaaaaaaaa1, bbbbbbbbbbb2" in before
    assert "2 pending: " in before
    assert "alembic upgrade heads\n" in before
    assert alembic(checkout, migrated_url, "upgrade", "heads").returncode == 0
    after = status()
    assert " (heads)\n" in after
    assert "pending   nothing" in after
    assert 'alembic merge -m "merge" heads\n' in after
    assert alembic(checkout, migrated_url, "merge", "-m", "merge", "heads").returncode == 0
    assert "head      aaaaaaaaaaa1" not in status()
