"""A folder for an embedded server, and a user of it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.embedded.users import emptied


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let supervisors wait 0.3 seconds instead of 5."""
    monkeypatch.setenv("HEXALEMBIC_POSTGRES_LINGER", "0.3")


@pytest.fixture
def root() -> Iterator[Path]:
    """Return an empty root with a short path; nothing runs there afterwards."""
    with emptied(Path(tempfile.mkdtemp(prefix="hx-", dir="/tmp")).resolve()) as path:
        yield path
