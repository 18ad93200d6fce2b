"""Names of the sandbox's databases and templates on a server.

Each database is named `hexalembic_sandbox_<host>_<pid>_<random>`, each template `hexalembic_sandbox_template_<hash>`.
"""

import hashlib
import os
import re
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

PREFIX = "hexalembic_sandbox_"
TEMPLATE_PREFIX = f"{PREFIX}template_"


def new_owner() -> str:
    """Return the first part of the names of a new sandbox's databases, which belong to this process."""
    return f"{PREFIX}{_host()}_{os.getpid()}_{secrets.token_hex(4)}"


def new_database(owner: str) -> str:
    """Return the name of a new database; its random part proves that a connection leads to the sandbox."""
    return f"{owner}_{secrets.token_hex(8)}"


def is_leftover(name: str) -> bool:
    """Return whether the process that owns a database without a session has ended, as far as this host knows."""
    owner = re.fullmatch(rf"{PREFIX}([0-9a-f]{{8}})_(\d+)_[0-9a-f]{{8}}_[0-9a-f]{{16}}", name)
    return owner is not None and (owner[1] != _host() or not _is_running(int(owner[2])))


def template_name(key: str) -> str:
    """Return the name of the template with a key."""
    return TEMPLATE_PREFIX + hashlib.sha256(key.encode()).hexdigest()[:32]


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def template_key(files: Iterable[Path], server_version: int, extra: str = "") -> str:
    """Return the key of a template: a hash of the names and contents of files, whatever their order.

    Args:
        files: Files that the contents of the database depend on, such as the revisions.
        server_version: Version of the server, as in `Sandbox.server_version`.
        extra: Text with anything else that the contents depend on.
    """
    parts = sorted((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)
    return hashlib.sha256(repr((parts, server_version, extra)).encode()).hexdigest()
