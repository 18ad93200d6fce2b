"""What is known of a server without starting it."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.postgres.embedded.place import EmbeddedServer, Place, find_place
from adapter.outbound.postgres.embedded.processes import count_processes, postmaster
from adapter.outbound.postgres.embedded.protocol import answers, count_clients, explained, query


@dataclass(frozen=True)
class ServerStatus:
    """What is known of a server without starting it.

    Attributes:
        server: Where it is, running or not.
        running: Whether it answers.
        pid: Process id of the postmaster, None when it does not run here.
        version: As the server says it ("18.6"), None when it does not answer.
        clients: Connected clients.
        processes: Processes that hold the lease, None where the system does not tell.
        keep: Whether it stays without users.
        size: Bytes of the data directory, 0 when there is none.
    """

    server: EmbeddedServer
    running: bool
    pid: int | None
    version: str | None
    clients: int
    processes: int | None
    keep: bool
    size: int


def status(major: int | None = None, root: Path | None = None) -> ServerStatus:
    """Look at the server without starting it, using it or creating a file."""
    place = find_place(major, root, installed=False)
    with explained(place):
        return _look(place)


def _look(place: Place) -> ServerStatus:
    running = answers(place)
    version = None
    clients = 0
    if running:
        with suppress(OSError):  # it may stop while we look
            version = str(query(place, "show server_version")[0])
            clients = count_clients(place)
    size = 0
    for directory, _, names in os.walk(place.data):
        for name in names:
            with suppress(OSError):  # files come and go
                size += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118 - a Path per file is slow
    keep = place.file("keep").exists()
    return ServerStatus(place.server, running, postmaster(place), version, clients, count_processes(place), keep, size)
