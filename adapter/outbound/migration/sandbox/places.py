"""Where the embedded sandboxes are."""

import os
from pathlib import Path


def cache_directory() -> Path:
    """Return the folder of the embedded sandboxes: `HEXALEMBIC_SANDBOX_DIR`, else below the user's cache folder."""
    named = os.environ.get("HEXALEMBIC_SANDBOX_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(cache) / "hexalembic" / "sandbox"
