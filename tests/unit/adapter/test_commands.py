"""Commands in hints run as they stand there."""

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from adapter.inbound.cli.called import project_options
from adapter.outbound.postgres.commands import reachable


def test_in_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the shell finds a command, its name is enough; where not, the path from the current folder leads there."""
    for name in ("alembic", "migrate", "backend", "python"):
        program = tmp_path / "venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    said = "alembic upgrade head, migrate -c x.ini analyze (backend demo): alembic and migrate agree; pip-migrate up"
    monkeypatch.setenv("PATH", str(tmp_path / "venv" / "bin"))
    assert reachable(said) == said
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(tmp_path)
    where = "venv/bin/"
    wanted = f"{where}alembic upgrade head, {where}migrate -c x.ini analyze ({where}backend demo): "
    assert reachable(said) == f"{wanted}alembic and migrate agree; pip-migrate up"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert reachable("migrate db status") == f"{tmp_path}/venv/bin/migrate db status"


def test_options_of_the_call() -> None:
    """Calls of Alembic get the options of the running one, unless they have some; other commands and words do not."""
    said = "alembic upgrade head; alembic -x a=b upgrade head; migrate up; alembic is there; alembic history shows them"
    options = ["-c", r"'C:\our alembic.ini'"]
    expected = said.replace("alembic upgrade", r"alembic -c 'C:\our alembic.ini' upgrade", 1)
    expected = expected.replace("alembic history", r"alembic -c 'C:\our alembic.ini' history")
    assert _plain(reachable(said, options)) == _plain(expected)


def _plain(text: str) -> str:
    return re.sub(r"\S*/(?=alembic|migrate)", "", text)


@pytest.mark.parametrize(
    ("call", "options"),
    [
        ("", []),
        ("status", []),
        ("status -c shop/alembic.ini --url postgresql://ana:secret@db/shop", ["-c", "shop/alembic.ini"]),
        ("-c alembic.ini up --name=second", ["-c", "alembic.ini", "-n", "second"]),
        ("status '--config=my shop/alembic.ini'", ["-c", "'my shop/alembic.ini'"]),
        ("record -- pytest -c other.ini", []),
        ("status -c postgresql://ana:secret@db/shop", []),
    ],
)
def test_project_of_the_call(call: str, options: list[str]) -> None:
    """Commands of Alembic that a message of `migrate` names are for the project of the call, without its secrets."""
    assert project_options(shlex.split(call)) == options
