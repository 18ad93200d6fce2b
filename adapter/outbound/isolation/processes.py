"""Processes as the kernel lists them: their ends, and what they may do to the one in front of the wall."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_PS = ("/bin/ps", "-o", "state=,ppid=,pgid=,lstart=")
_ROUNDS = 20  # in which a process that starts others is outrun

_guard = threading.Lock()
_hidden = 0


class Status(NamedTuple):
    """A process as the kernel lists it.

    Attributes:
        state: A letter; `Z` is a process that has ended, and that its parent has not waited for.
        parent: Process id of its parent.
        group: Its process group.
        started: When it was started, as the kernel counts; a later process of the same id has another.
    """

    state: str
    parent: int
    group: int
    started: str


def status(pid: int) -> Status | None:
    """Return what the kernel says of a process; None where there is none.

    Source: the Linux manual, proc_pid_stat(5); the name in parentheses may have any character.
    """
    if sys.platform != "linux":
        line = subprocess.run([*_PS, "-p", str(pid)], capture_output=True, text=True, check=False).stdout
        state, parent, group, started = (*line.split(maxsplit=3), "", "", "", "")[:4]
        return Status(state, int(parent), int(group), started.strip()) if group else None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - quick
            fields = file.read().rpartition(b")")[2].split(maxsplit=20)
    except OSError:
        return None
    return Status(fields[0].decode(), int(fields[1]), int(fields[2]), fields[19].decode())


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
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):  # noqa: PTH208 - quick
        process = status(pid)
        if process is not None and process.state != "Z":
            children.setdefault(process.parent, []).append(pid)
    family = [root]
    for pid in family:
        family += children.get(pid, [])
    return family


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
