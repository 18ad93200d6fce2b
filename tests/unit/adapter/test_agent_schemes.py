"""The scheme of an address for a project that names none itself."""

import sys
from pathlib import Path

import pytest

from adapter.outbound.migration.project.agent.project import plain_scheme


def test_a_variable_without_a_value_gets_a_driver_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver behind `postgresql` depends on SQLAlchemy's version, and the project may have another one."""
    assert plain_scheme() == "postgresql"

    (tmp_path / "psycopg2").mkdir()
    (tmp_path / "psycopg2" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert plain_scheme() == "postgresql+psycopg2"
