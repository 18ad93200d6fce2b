"""The process groups below an agent's process, as the kernel lists them: what the agent says of them is no proof."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_PS = ("/bin/ps", "-o", "ppid=,pgid=,lstart=")


class _Status(NamedTuple):
    parent: int
    group: int
    started: str


@dataclass(frozen=True)
class ProcessGroup:
    """A process group whose leader is a child of an agent's process.

    Attributes:
        leader: Its process id, which is that of the group.
        started: When the leader was started, as the kernel counts; a later process of the same id has another.
    """

    leader: int
    started: str

    @property
    def has_leader(self) -> bool:
        """Whether the leader is still there."""
        status = _status(self.leader)
        return status is not None and status.started == self.started

    def kill_leader(self) -> None:
        """Kill the leader only."""
        if self.has_leader:
            with suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGKILL)

    def kill(self) -> None:
        """Kill all of the group; the leader may have gone and left others."""
        status = _status(self.leader)
        if status is None or status.started == self.started:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.leader, signal.SIGKILL)


def group_led_by(leader: int, parent: int) -> ProcessGroup | None:
    """Return the group that a process leads; None where it leads none, or is no child of the parent."""
    status = _status(leader)
    if status is None or (status.parent, status.group) != (parent, leader):
        return None
    return ProcessGroup(leader, status.started)


def _status(pid: int) -> _Status | None:
    """Ask the kernel about a process; None where there is none.

    Source: the Linux manual, proc_pid_stat(5); the name in parentheses may have any character.
    """
    if sys.platform != "linux":
        line = subprocess.run([*_PS, "-p", str(pid)], capture_output=True, text=True, check=False).stdout
        parent, group, started = (*line.split(maxsplit=2), "", "", "")[:3]
        return _Status(int(parent), int(group), started.strip()) if group else None
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return _Status(int(fields[1]), int(fields[2]), fields[19].decode())
