"""Tries again what gave way to other users of the database."""

import logging
import random
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from adapter.outbound.database.errors import DatabaseError
from adapter.outbound.database.explain import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, server_message, sqlstate

logger = logging.getLogger("alembic.runtime.migration")

_FIRST_PAUSE = 0.25  # seconds
_LONGEST_PAUSE = 15.0
_SHOWN = 120  # characters of a statement


def with_retries(run: Callable[[], None], recover: Callable[[], None], retries: int) -> None:
    """Run, and run again after a lock timeout or a deadlock.

    Args:
        run: The upgrade; each revision that it finished is committed, so that it resumes where it gave way.
        recover: Brings the connection back to a clean state before another try.
        retries: How often to try again.

    Raises:
        DatabaseError: The last try gave way, too.
    """
    pause = _FIRST_PAUSE
    for attempt in range(1, retries + 2):
        try:
            run()
        except DBAPIError as error:
            if sqlstate(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED}:
                raise
            recover()
            if attempt > retries:
                raise DatabaseError(
                    f"Other transactions kept the lock that this revision needs, in {attempt} tries "
                    f"({server_message(error)}; statement: {_one_line(error.statement)}).",
                    "Find them with: SELECT pid, xact_start, query FROM pg_stat_activity WHERE xact_start IS NOT NULL "
                    "ORDER BY xact_start; then run this again, or wait longer with -x lock_timeout=10s.",
                ) from error
            # Half of the pause is random, so that two upgrades, or an upgrade and a job, do not meet again.
            seconds = pause * random.uniform(0.5, 1.0)  # noqa: S311
            logger.info(
                "Gave way to other transactions (%s); try %d of %d in %.1f s",
                server_message(error),
                attempt + 1,
                retries + 1,
                seconds,
            )
            time.sleep(seconds)
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            return


def _one_line(statement: str | None) -> str:
    words = " ".join((statement or "").split())
    return words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…"
