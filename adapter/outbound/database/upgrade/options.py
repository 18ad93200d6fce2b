"""The options of an Alembic call: `alembic -x lock_timeout=5s upgrade head`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from adapter.outbound.postgres.errors import DatabaseConfigurationError

_DURATION = re.compile(r"0|\d+\s*(us|ms|s|min|h|d)")


@dataclass(frozen=True)
class MigrationOptions:
    """How an upgrade waits for other users of the database, and which database it runs on.

    Attributes:
        url: The database of this call instead of `DATABASE_URL`; None for the latter.
        lock_timeout: How long a statement waits for a lock before it gives up and is retried, as a Postgres duration.
            It is short, because every statement that queues behind the waiting one waits too.
        concurrent_lock_timeout: The same for CREATE, DROP and REINDEX INDEX CONCURRENTLY. These wait for older
            transactions without blocking anybody, and leave an invalid index when they give up.
        lock_retries: How often a revision is tried again after a lock timeout or a deadlock.
        wait_for_upgrade: Seconds to wait for another upgrade of this database to end.
        search_path: The schemas in which unqualified names are looked up; the schema of pgvector is added.
    """

    url: str | None = None
    lock_timeout: str = "2s"
    concurrent_lock_timeout: str = "1h"
    lock_retries: int = 10
    wait_for_upgrade: float = 600
    search_path: str = "public"

    @classmethod
    def parse(cls, arguments: Mapping[str, str]) -> "MigrationOptions":
        """Read `-x name=value` arguments.

        Raises:
            DatabaseConfigurationError: A name is unknown, or a value has the wrong format.
        """
        option_names = [field.name for field in fields(cls)]
        for name in arguments:
            if name not in option_names:
                problem = (
                    f"There is no option -x {name}" if _is_nearly(name, option_names) else "An option -x is unknown"
                )
                raise DatabaseConfigurationError(f"{problem}.", f"Known are: {', '.join(option_names)}.")
        values = dict(arguments)
        for name in ("lock_timeout", "concurrent_lock_timeout"):
            if name in values and not _DURATION.fullmatch(values[name]):
                raise DatabaseConfigurationError(
                    f"The value of -x {name} is not a duration.", f"Write for example -x {name}=500ms, 5s or 10min."
                )
        return cls(
            url=values.get("url"),
            lock_timeout=values.get("lock_timeout", cls.lock_timeout),
            concurrent_lock_timeout=values.get("concurrent_lock_timeout", cls.concurrent_lock_timeout),
            lock_retries=_whole_number("lock_retries", values.get("lock_retries", str(cls.lock_retries))),
            wait_for_upgrade=_whole_number(
                "wait_for_upgrade", values.get("wait_for_upgrade", str(cls.wait_for_upgrade))
            ),
            search_path=values.get("search_path", cls.search_path),
        )


def _is_nearly(name: str, option_names: list[str]) -> bool:
    """Return whether a name is a misspelled option; any other name may be an address and is not shown."""
    from difflib import get_close_matches

    return name.isidentifier() and bool(get_close_matches(name, option_names))


def _whole_number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise DatabaseConfigurationError(
            f"The value of -x {name} is not a whole number.", f"Write for example -x {name}=5."
        )
    return int(text)
