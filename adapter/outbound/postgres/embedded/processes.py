"""The processes of a server: its postmaster, and the processes that use it."""

import os
import subprocess
import sys
from pathlib import Path

from adapter.outbound.postgres.embedded.place import Place


def count_processes(place: Place) -> int | None:
    """Return the number of processes that hold the lease, or None if the system has no /proc/locks."""
    try:
        inode = place.file("lease").stat().st_ino
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except FileNotFoundError:
        return None if place.file("lease").exists() else 0
    return len({row[4] for row in rows if row[1] == "FLOCK" and row[3] == "READ" and row[5].endswith(f":{inode}")})


def is_postmaster(pid: int, data: Path) -> bool:
    """Return whether the process lives and is the postmaster of the data directory; a zombie does not count."""
    try:
        if sys.platform == "linux":
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        else:
            ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
            command = subprocess.run(ps, capture_output=True, check=False).stdout
    except OSError:
        return False
    return b"/postgres -D " + os.fsencode(data) + b" " in command


def postmaster(place: Place) -> int | None:
    """Read the process id of the running postmaster; return None if there is none, whatever a stale pid file says."""
    try:
        pid = int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if is_postmaster(pid, place.data) else None
