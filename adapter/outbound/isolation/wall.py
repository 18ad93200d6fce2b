"""The means that this platform has to keep a process from connecting to anything but the sandbox.

Linux: a seccomp filter, and mounts over the sockets of other servers. macOS: `sandbox-exec`; that was written by its
manual, and nobody has tried it yet.
"""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from adapter.outbound.isolation import seccomp

Started = TypeVar("Started")

_SANDBOX_EXEC = "/usr/bin/sandbox-exec"
_DENY_NETWORK = "(version 1)(allow default)(deny network-outbound (remote ip))(deny network-inbound (local ip))"
_DENY_CONNECTIONS = "(version 1)(allow default)(deny network-outbound)(deny network-inbound (local ip))"
_LAUNCH = Path(__file__).with_name("launch.py")


def is_available() -> bool:
    """Return whether this platform has what it takes."""
    return seccomp.is_supported() or _has_sandbox_exec()


def behind_wall(start: Callable[[Sequence[str]], Started]) -> Started:
    """Start a server that may be connected to, and may connect to nothing.

    Args:
        start: Starts it; what it is given stands before the command.

    Raises:
        IsolationError: The kernel does not do it; nothing was started.
    """
    if _has_sandbox_exec():
        return start((_SANDBOX_EXEC, "-p", _DENY_CONNECTIONS))
    started: list[Started] = []
    failed: list[BaseException] = []

    def refuse_and_start() -> None:
        try:
            seccomp.refuse(network=True, connections=True)
            started.append(start(()))
        except BaseException as error:  # noqa: BLE001 - raised again below
            failed.append(error)

    # The filter holds for one thread and what it starts; this process itself must go on connecting to the server.
    thread = threading.Thread(target=refuse_and_start)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return started[0]


def launcher(*, network: bool, keep: Iterable[str]) -> list[str]:
    """Return the command that starts a program behind the wall; the program and its arguments follow.

    Args:
        network: Leave the network open: only the sockets of other servers are covered.
        keep: Folders whose Postgres sockets stay in reach.
    """
    if _has_sandbox_exec():
        return [] if network else [_SANDBOX_EXEC, "-p", _DENY_NETWORK]
    kept = [part for folder in keep for part in ("--keep", os.fspath(folder))]
    return [sys.executable, "-I", "-S", str(_LAUNCH), *(["--network"] if network else []), *kept, "--"]


def _has_sandbox_exec() -> bool:
    return sys.platform == "darwin" and shutil.which(_SANDBOX_EXEC) is not None
