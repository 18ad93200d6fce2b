"""The number of sandboxes that share the work on a range."""

import os

from adapter.outbound.postgres.errors import DatabaseConfigurationError

_MOST = 4


def lane_count(jobs: int | None, sandbox_url: str | None) -> int:
    """Return the number of lanes.

    Each needs a server of its own. On one server they share the WAL and would distort each other's measurements.

    Args:
        jobs: The number that is asked for; None for as many as the machine has room for.
        sandbox_url: The one server of the sandbox; None for embedded ones.

    Raises:
        DatabaseConfigurationError: Several are asked for on one server.
    """
    if jobs is None:
        return 1 if sandbox_url else min(_MOST, os.cpu_count() or 1)
    if sandbox_url and jobs > 1:
        raise DatabaseConfigurationError(
            "parallel jobs on one server would distort each other's measurements", "leave out --jobs or --sandbox-url"
        )
    return jobs
