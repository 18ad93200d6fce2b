"""Processes behind the wall, and what they may do to the one that is not."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_ROUNDS = 20  # in which a process that starts others is outrun

_guard = threading.Lock()
_hidden = 0


@contextmanager
def unreadable() -> Iterator[None]:
    """Let no other process of this user read or write the memory of this one (prctl(2), PR_SET_DUMPABLE)."""
    global _hidden  # noqa: PLW0603 - sandboxes are opened by several threads
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with _guard:
        was = libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) if not _hidden else 0
        _hidden += 1
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    try:
        yield
    finally:
        with _guard:
            _hidden -= 1
            if not _hidden:
                libc.prctl(_PR_SET_DUMPABLE, was or 1, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Return a process and all that have come from it; orphans are the children of one that keeps them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - quick
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as status:  # noqa: PTH123 - quick
                state, parent = status.read().rpartition(b")")[2].split()[:2]
                if state != b"Z":
                    children.setdefault(int(parent), []).append(int(name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def end_descendants(root: int) -> None:
    """Kill all that have come from a process, in whatever session they are, and not the process itself."""
    if sys.platform != "linux":
        return
    for _ in range(_ROUNDS):
        others = descendants(root)[1:]
        if not others:
            return
        for pid in others:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
