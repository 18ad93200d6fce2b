"""Virtual environments of foreign projects, made once: `HEXALEMBIC_TEST_ENVIRONMENTS`, else the user's cache folder.

A folder is keyed by the requirements and the version of Python; a lock keeps two test processes from making it at once.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_REQUIREMENTS = Path(__file__).with_name("requirements")
_INSTALL_SECONDS = 600


def environment(name: str, requirements: Path | None = None) -> Path:
    """Return the Python of a project's environment; make it when it is not there.

    The test that asks is skipped where pip reaches no registry, or the registry has no file of a pin for this Python.
    """
    requirements = requirements or _REQUIREMENTS / f"{name}.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = _cache() / f"{name}-{key}"
    python = folder / "bin" / "python"
    with _locked(folder.with_suffix(".lock")):
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            _install(python, requirements)
            (folder / "complete").touch()
    return python


def _cache() -> Path:
    """Return the folder of the environments; where the user's cache cannot be written, that of this environment."""
    named = os.environ.get("HEXALEMBIC_TEST_ENVIRONMENTS")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(cache) / "hexalembic" / "test-environments"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(sys.prefix) / "test-environments"
        folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(python: Path, requirements: Path) -> None:
    """Install exactly what is listed: the whole of a project is more than its migrations import."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    result = subprocess.run(
        [*command, "--no-deps", "--only-binary", ":all:", "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_INSTALL_SECONDS,
    )
    if result.returncode != 0 and _is_offline(result.stderr):
        pytest.skip("pip reaches no package registry")
    if result.returncode != 0 and (missing := _missing(result.stderr)):
        pytest.skip(f"the registry has no {missing} for Python {platform.python_version()}")
    assert result.returncode == 0, result.stderr


def _missing(message: str) -> str | None:
    """Return the pin for which pip found no file that fits this Python, as pip has no code for it but this sentence."""
    found = re.search(r"No matching distribution found for (\S+)", message)
    return found and found.group(1)


def _is_offline(message: str) -> bool:
    signs = (
        "NewConnectionError",
        "Max retries exceeded",
        "Temporary failure in name resolution",
        "ConnectTimeoutError",
    )
    return any(sign in message for sign in signs)
