"""Extensions that the embedded Postgres 18 is built without, written in SQL: `pgcrypto` and `uuid-ossp`.

Many projects create one of them in an early revision, and nothing after it could be judged. Locks, rewrites and scans
do not depend on how a function computes its values; a function whose values SQL cannot compute refuses.

Source: the Postgres manual, section "Client Connection Defaults": extension_control_path, which Postgres 18 introduced.
"""

import os
import tempfile
from pathlib import Path

_SINCE = 18
_FILES = Path(__file__).parent


def extension_settings(folder: Path, major: int) -> dict[str, str]:
    """Return the server settings that make the extensions known to a server.

    Args:
        folder: The folder of the data directories, where `write_extensions` puts the files.
        major: Major version of the server.
    """
    path = str(_control_path(folder))
    return {} if major < _SINCE or ":" in path else {"extension_control_path": f"$system:{path}"}


def write_extensions(folder: Path) -> None:
    """Write the files of the extensions where the server's user can read them."""
    files = _control_path(folder) / "extension"
    files.mkdir(parents=True, exist_ok=True)
    for directory in (files.parent, files):
        directory.chmod(0o755)
    for source in (path for path in _FILES.iterdir() if path.suffix in {".control", ".sql"}):
        target, content = files / source.name, source.read_bytes()
        if target.is_file() and target.read_bytes() == content:
            continue
        descriptor, temporary = tempfile.mkstemp(dir=files)  # a server that runs may read the file meanwhile
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).rename(target)


def _control_path(folder: Path) -> Path:
    return folder.absolute() / "extensions"
