"""Retries an upgrade after a lock timeout or a deadlock."""

import logging
import random
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from adapter.outbound.database.upgrade.lock_watch import LockWatch
from adapter.outbound.database.upgrade.session import is_concurrent_build
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, server_message, sqlstate
from adapter.outbound.postgres.holders import Holder, end_them, join, one_line

logger = logging.getLogger("alembic.runtime.migration")

_FIRST_PAUSE = 0.25  # seconds
_LONGEST_PAUSE = 15.0  # seconds


def with_retries(run: Callable[[], None], recover: Callable[[], None], retries: int, watch: LockWatch) -> None:
    """Run an upgrade, and retry it after a lock timeout or a deadlock.

    Args:
        run: Runs the upgrade; finished revisions are committed, so that a retry resumes at the failed one.
        recover: Resets the connection to a clean state before a retry.
        retries: The number of retries at most.
        watch: Knows the sessions that a statement waited for.

    Raises:
        DatabaseError: The last try also ended in a lock timeout or a deadlock.
    """
    pause = _FIRST_PAUSE
    for attempt in range(1, retries + 2):
        try:
            run()
        except DBAPIError as error:
            watch.end()
            if sqlstate(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED}:
                raise
            holders = watch.holders
            if attempt > retries:
                raise _gave_up(error, holders, attempt) from error
            recover()
            # Half of the pause is random, so that two upgrades, or an upgrade and a job, do not collide again.
            seconds = pause * random.uniform(0.5, 1.0)  # noqa: S311
            logger.info(
                "Gave way to other transactions (%s%s); try %d of %d in %.1f s",
                server_message(error),
                f"; held by {join(holders)}" if holders else "",
                attempt + 1,
                retries + 1,
                seconds,
            )
            time.sleep(seconds)
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            return


def _gave_up(error: DBAPIError, holders: tuple[Holder, ...], attempts: int) -> DatabaseError:
    is_concurrent = is_concurrent_build(error.statement or "")
    option = "concurrent_lock_timeout=2h" if is_concurrent else "lock_timeout=10s"
    holders_text = f"held by {join(holders)}" if holders else "its holder could not be read"
    end_command = end_them(holders)
    advice = (
        f"End it: {end_command}"
        if end_command
        else "Find who holds it: SELECT pid, xact_start, query FROM pg_stat_activity WHERE xact_start IS NOT NULL "
        "ORDER BY xact_start;"
    )
    consequence = " The build may have left an invalid index, which migrate status shows." if is_concurrent else ""
    return DatabaseError(
        f"The lock that this revision needs could not be acquired in {attempts} {'try' if attempts == 1 else 'tries'} "
        f"({server_message(error)}; statement: {one_line(error.statement)}); {holders_text}.{consequence}",
        f"{advice} Then run this again, or wait longer with -x {option}.",
    )
