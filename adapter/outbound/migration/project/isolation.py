"""What a user is told of the wall around a project's process: that there is none, or that it has a gap."""

import sys

from adapter.outbound.isolation import wall
from adapter.outbound.isolation.gate import Gate
from adapter.outbound.postgres.errors import DatabaseConfigurationError

_LONGEST = 10.0  # seconds to wait for what the kernel says


def require_wall() -> None:
    """Raise an error where this system cannot isolate a process.

    Raises:
        DatabaseConfigurationError: It cannot.
    """
    if not wall.is_available():
        raise DatabaseConfigurationError(
            f"this system ({sys.platform}) has no means to keep revisions away from real databases",
            "go on without, on a machine from which no real database can be reached: --no-isolation",
        )


def warn_of_gap(gate: Gate | None) -> None:
    """Write a warning to stderr where this system keeps no socket of another server out of reach."""
    if gate is not None and not gate.holds(_LONGEST):
        sys.stderr.write(
            "warning: this system lets no process decide on the connections of another, and hides no sockets from this"
            " user: a revision or env.py can reach the Unix sockets of other Postgres servers on this machine"
            " (docs/isolation.md)\n"
        )
