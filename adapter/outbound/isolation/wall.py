"""The wall that keeps a process from connecting to anything but the sandbox, by the means of the platform.

Linux has a seccomp filter, and mounts over the sockets of other servers. macOS has `sandbox-exec`; this part follows
its manual and is untested.
"""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from adapter.outbound.isolation import landlock, seccomp

Started = TypeVar("Started")

_SANDBOX_EXEC = "/usr/bin/sandbox-exec"
_DENY_NETWORK = "(version 1)(allow default)(deny network-outbound (remote ip))(deny network-inbound (local ip))"
_DENY_CONNECTIONS = "(version 1)(allow default)(deny network-outbound)(deny network-inbound (local ip))"
_LAUNCH = Path(__file__).with_name("launch.py")


def is_available() -> bool:
    """Return whether this platform can build the wall."""
    return seccomp.is_supported() or _has_sandbox_exec()


def behind_wall(start: Callable[[Sequence[str]], Started]) -> Started:
    """Start a server that accepts connections and may not open any.

    Args:
        start: Starts the server with a command prefix.

    Returns:
        The result of `start`.

    Raises:
        IsolationError: The kernel cannot build the wall; nothing was started.
    """
    if _has_sandbox_exec():
        return start((_SANDBOX_EXEC, "-p", _DENY_CONNECTIONS))
    results: list[Started] = []
    errors: list[BaseException] = []

    def refuse_and_start() -> None:
        try:
            seccomp.refuse(network=True, connections=True)
            landlock.leave_others()  # a program of the server may run as the user of other processes
            results.append(start(()))
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    # The filter applies to a thread and its children. This process itself must still connect to the server.
    thread = threading.Thread(target=refuse_and_start)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def launcher(*, network: bool, keep: Iterable[str], tell: int | None = None, ask: bool = False) -> list[str]:
    """Return the command prefix that starts a program behind the wall.

    Args:
        network: Whether the network stays open, so that only the sockets of other servers are covered.
        keep: Folders whose Postgres sockets stay reachable.
        tell: Descriptor of the socket through which the start is told; see `gate.Gate`.
        ask: Whether the kernel is to ask about each connection.
    """
    if _has_sandbox_exec():
        return [] if network else [_SANDBOX_EXEC, "-p", _DENY_NETWORK]
    telling = [] if tell is None else ["--tell", str(tell), *(["--ask"] if ask else [])]
    keep_options = [part for folder in keep for part in ("--keep", os.fspath(folder))]
    return [
        sys.executable,
        "-I",
        "-S",
        str(_LAUNCH),
        *(["--network"] if network else []),
        *keep_options,
        *telling,
        "--",
    ]


def _has_sandbox_exec() -> bool:
    return sys.platform == "darwin" and shutil.which(_SANDBOX_EXEC) is not None
