"""Projects that are analyzed."""

import textwrap
from collections.abc import Callable
from pathlib import Path

from application.migration.analyze import AnalysisReport
from tests.history import History

Analyze = Callable[..., AnalysisReport]
PEOPLE = 'op.execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)")'
INDEX = 'op.create_index("ix_people_name", "people", ["name"])'


def plain_project(history: History, settings: str = "", env: str = "") -> Path:
    """Write a project with the plainest env.py, and what it says to `migrate`."""
    path = history.plain_ini()
    path.write_text(path.read_text(encoding="utf-8") + settings, encoding="utf-8")
    script = path.parent / "env.py"
    script.write_text(textwrap.dedent(env) + script.read_text(encoding="utf-8"), encoding="utf-8")
    return path
