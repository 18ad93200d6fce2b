"""Where a revision's file is for whoever reads a report beside the code."""

from pathlib import Path

import pytest

from adapter.outbound.migration.report.places import from_repository


def test_below_a_repository(tmp_path: Path) -> None:
    """A project in a folder of a repository is named with that folder, wherever the command runs."""
    (tmp_path / ".git").mkdir()
    project = tmp_path / "services" / "shop"

    assert from_repository("alembic/versions/a1.py", project) == "services/shop/alembic/versions/a1.py"
    assert from_repository("a1.py", tmp_path) == "a1.py"


def test_without_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a repository the current folder counts; what is elsewhere keeps its whole path."""
    monkeypatch.chdir(tmp_path)

    assert from_repository("versions/a1.py", tmp_path / "shop") == "shop/versions/a1.py"
    assert from_repository("/nowhere/versions/a1.py", tmp_path) == "/nowhere/versions/a1.py"
