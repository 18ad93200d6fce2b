"""The process group of a job below the agent's process, as the kernel lists it: what the agent says is no proof."""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

from adapter.outbound.isolation.processes import status


@dataclass(frozen=True)
class ProcessGroup:
    """A process group whose leader is a child of an agent's process.

    Attributes:
        leader: Its process id, which is that of the group.
        started: When the leader was started, as the kernel counts.
    """

    leader: int
    started: str

    @property
    def has_leader(self) -> bool:
        """Whether the leader is still there."""
        leader = status(self.leader)
        return leader is not None and leader.started == self.started

    def kill_leader(self) -> None:
        """Kill the leader only."""
        if self.has_leader:
            with suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGKILL)

    def interrupt(self) -> None:
        """Send SIGINT to all of the group, as a terminal does."""
        if self.has_leader:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.leader, signal.SIGINT)

    def kill(self) -> None:
        """Kill all of the group; the leader may have gone and left others."""
        leader = status(self.leader)
        if leader is None or leader.started == self.started:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.leader, signal.SIGKILL)


def group_led_by(leader: int, parent: int) -> ProcessGroup | None:
    """Return the group that a process leads; None where it leads none, or is no child of the parent."""
    process = status(leader)
    if process is None or (process.parent, process.group) != (parent, leader):
        return None
    return ProcessGroup(leader, process.started)
