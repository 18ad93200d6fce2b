"""The folder of the embedded sandboxes."""

import os
from pathlib import Path


def cache_directory() -> Path:
    """Return the folder of the embedded sandboxes: `HEXALEMBIC_SANDBOX_DIR`, or one in the user's cache folder."""
    directory = os.environ.get("HEXALEMBIC_SANDBOX_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(directory) if directory else Path(cache) / "hexalembic" / "sandbox"
