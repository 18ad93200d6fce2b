"""The status of a server, read without starting it."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapter.outbound.postgres.embedded.place import EmbeddedServer, Place, find_place
from adapter.outbound.postgres.embedded.processes import count_processes, postmaster
from adapter.outbound.postgres.embedded.protocol import answers, count_clients, explained, query


@dataclass(frozen=True)
class ServerStatus:
    """The status of a server, read without starting it.

    Attributes:
        server: The server, running or not.
        running: Whether the server answers.
        pid: The process id of the postmaster; None if it does not run on this machine.
        version: The version that the server reports ("18.6"); None if it does not answer.
        clients: The number of connected clients.
        processes: The number of processes that hold the lease; None if the system does not tell.
        keep: Whether the server keeps running without users.
        size: The size of the data directory in bytes; 0 if there is none.
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
    """Read the status of a server without starting it, taking its lease or creating a file.

    Raises:
        DatabaseConfigurationError: The directory belongs to another user, who alone sees whether its server runs.
    """
    place = find_place(major, root, installed=False)
    with explained(place):
        return _read_status(place)


def _read_status(place: Place) -> ServerStatus:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(place.data):
        pass  # whoever may not read it would take the server for one that does not run
    running = answers(place)
    version = None
    clients = 0
    if running:
        with suppress(OSError):  # the server may stop in the meantime
            version = str(query(place, "show server_version")[0])
            clients = count_clients(place)
    size = 0
    for directory, _, names in os.walk(place.data):
        for name in names:
            with suppress(OSError):  # the file may be deleted in the meantime
                size += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118 - a Path per file is slow
    keep = place.file("keep").exists()
    return ServerStatus(place.server, running, postmaster(place), version, clients, count_processes(place), keep, size)
