"""Processor time of this process and of a server, which other work of the machine hardly distorts."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")  # in a second


class ProcessorTime(NamedTuple):
    """Seconds of processor time of processes, with those of the processes that they started.

    Attributes:
        own: This process, and the project's process.
        server: A server, and its sessions.
    """

    own: float
    server: float


def processor_time(data: Path) -> ProcessorTime:
    """Return the processor time that this process and the server whose data are in a folder have taken."""
    # See the manual page proc_pid_stat: the parent, and the times, also of children that have ended.
    stats = {
        int(folder.name): _read(folder / "stat").rpartition(b")")[2].split()
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal()
    }
    parents = {process: int(fields[1]) for process, fields in stats.items() if fields}
    ticks = {process: sum(map(int, fields[11:15])) for process, fields in stats.items() if fields}
    server = _with_descendants((process for process in parents if _serves(process, data)), parents)
    own = _with_descendants([os.getpid()], parents) - server
    return ProcessorTime(*(sum(ticks.get(process, 0) for process in group) / _TICKS for group in (own, server)))


def _serves(process: int, data: Path) -> bool:
    program, *arguments = _read(Path(f"/proc/{process}/cmdline")).split(b"\0")
    return Path(os.fsdecode(program)).name == "postgres" and any(
        Path(os.fsdecode(argument)).is_relative_to(data) for argument in arguments
    )


def _with_descendants(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    group = set(roots)
    while more := {process for process, parent in parents.items() if parent in group} - group:
        group |= more
    return group


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has ended meanwhile
        return b""
