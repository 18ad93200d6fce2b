"""An embedded Postgres, which the processes of a project share and which stops after the last of them has ended.

Files below the root (`.postgres/` of the project, or `HEXALEMBIC_POSTGRES_DIR`), for the major version 18:

- `18/`: the data directory, and the socket unless that path is too long for one. There is no TCP.
- `18.lease`: each process that uses the server holds a shared `flock` on it. The kernel releases it when the process
  ends in any way, so a count of users can never be stale.
- `18.supervisor`: an exclusive `flock` of the supervisor. A process that needs a server and gets this lock starts a
  supervisor and passes the lock on by file descriptor, so two supervisors can never run.
- `18.keep`: the server keeps running without users until `stop`.
- `18.log`: the output of initdb, Postgres and the supervisor.
- `18.new-*`: a directory that initdb has not finished, or that is being deleted. It is never used as data directory.

Only the owner may access these files, because whoever can open a lock file can hold it. The same is true of the root if
it is created here.

The supervisor starts Postgres, or adopts a running server. It stops the server when it holds the lease exclusively, no
client is connected, and no process came for the linger time. It keeps the lease until Postgres has stopped. A process
that comes in between waits for the lease and then finds no server, never one that is about to stop. So a process takes
the lease before it looks for the server.

Only this package knows the packages with the binaries. It uses the standard library only, because the supervisor must
start quickly.
"""

from adapter.outbound.postgres.embedded.paths import binary, socket_directory
from adapter.outbound.postgres.embedded.place import (
    DEFAULT_DATABASE,
    DEFAULT_MAJOR,
    PACKAGES,
    TIMEOUT,
    EmbeddedServer,
    UnusableServerError,
    installed_majors,
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
    "installed_majors",
    "release",
    "reset",
    "socket_directory",
    "start",
    "status",
    "stop",
]
