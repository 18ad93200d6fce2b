"""Where the packages of a foreign project are not to be had, its tests say which and are skipped."""

import sys
from pathlib import Path

import pytest

from tests.real_projects import environments


@pytest.mark.long
@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"PIP_NO_INDEX": "1"}, r"the registry has no no-such-package-of-hexalembic==1\.2 for Python 3\.\d+\.\d+"),
        ({"PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_FIND_LINKS": ""}, "pip reaches no package registry"),
    ],
    ids=["missing", "offline"],
)
def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    """A pin that has no file for this Python is named; so is a machine that reaches no registry."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("no-such-package-of-hexalembic==1.2\n", encoding="utf-8")

    with pytest.raises(pytest.skip.Exception, match=reason):
        environments._install(Path(sys.executable), requirements)  # noqa: SLF001 - without making an environment first
