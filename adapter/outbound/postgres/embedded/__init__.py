"""An embedded Postgres, shared by the processes of a project and stopped when the last of them has gone.

Files below the root (`.postgres/` of the project, or `HEXALEMBIC_POSTGRES_DIR`), for the major version 18:

- `18/`: the data directory, and the socket unless that path is too long for one. There is no TCP.
- `18.lease`: each process that uses the server holds a shared `flock` on it. The kernel gives it back, whatever
  way the process ends, so a count of users can never be stale.
- `18.supervisor`: an exclusive `flock` of the one supervisor. Who needs a server and gets this lock starts a supervisor
  and hands the lock over by file descriptor, so two can never be started.
- `18.keep`: the server stays without users until `stop`.
- `18.log`: what initdb, Postgres and the supervisor say.
- `18.new-*`: a directory that initdb has not finished, or that is being deleted. It never counts.

Each is for its owner alone: whoever can open a lock file can hold it. So is the root, where it is made here.

The supervisor starts Postgres, or adopts a running one, and stops it when it holds the lease exclusively, no client is
connected, and nobody came for the linger time. It keeps the lease until Postgres has stopped: who comes in between
waits for the lease and then finds no server, never one that is about to go. So take the lease first, and look second.

The only module that knows the packages with the binaries. Standard library only: the supervisor must start quickly.
"""

from adapter.outbound.postgres.embedded.paths import binary, socket_directory
from adapter.outbound.postgres.embedded.place import (
    DEFAULT_DATABASE,
    DEFAULT_MAJOR,
    PACKAGES,
    TIMEOUT,
    EmbeddedServer,
    UnusableServerError,
)
from adapter.outbound.postgres.embedded.protocol import ensure_database
from adapter.outbound.postgres.embedded.status import ServerStatus, status
from adapter.outbound.postgres.embedded.stopping import reset, stop
from adapter.outbound.postgres.embedded.use import release, start

__all__ = [
    "DEFAULT_DATABASE",
    "DEFAULT_MAJOR",
    "PACKAGES",
    "TIMEOUT",
    "EmbeddedServer",
    "ServerStatus",
    "UnusableServerError",
    "binary",
    "ensure_database",
    "release",
    "reset",
    "socket_directory",
    "start",
    "status",
    "stop",
]
