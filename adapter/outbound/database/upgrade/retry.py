"""Tries again what gave way to other users of the database."""

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
_LONGEST_PAUSE = 15.0


def with_retries(run: Callable[[], None], recover: Callable[[], None], retries: int, watch: LockWatch) -> None:
    """Run, and run again after a lock timeout or a deadlock.

    Args:
        run: The upgrade; each revision that it finished is committed, so that it resumes where it gave way.
        recover: Brings the connection back to a clean state before another try.
        retries: How often to try again.
        watch: Who knows whom a statement waited for.

    Raises:
        DatabaseError: The last try gave way, too.
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
            # Half of the pause is random, so that two upgrades, or an upgrade and a job, do not meet again.
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
    concurrent = is_concurrent_build(error.statement or "")
    option = "concurrent_lock_timeout=2h" if concurrent else "lock_timeout=10s"
    who = f"held by {join(holders)}" if holders else "nobody could be asked who holds it"
    end = end_them(holders)
    find = (
        f"End it: {end}"
        if end
        else "Find who holds it: SELECT pid, xact_start, query FROM pg_stat_activity WHERE xact_start IS NOT NULL "
        "ORDER BY xact_start;"
    )
    left = " The build may have left an invalid index, which migrate status shows." if concurrent else ""
    return DatabaseError(
        f"The lock that this revision needs could not be had, in {attempts} {'try' if attempts == 1 else 'tries'} "
        f"({server_message(error)}; statement: {one_line(error.statement)}); {who}.{left}",
        f"{find} Then run this again, or wait longer with -x {option}.",
    )
