"""A concurrent index build runs under a short `lock_timeout`.

The build waits for every older transaction of the database, and the timeout limits each of these waits. One long report
elsewhere in the database cancels the build and leaves an invalid index. Nobody waits for the build, so it can take its
time. The safe way is to switch the timeout off for the build:

    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
        op.execute("RESET lock_timeout")
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.lock_windows import is_concurrent
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "short-timeout-around-concurrent-build"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.execute("SET lock_timeout = '2s'")
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
    op.execute("RESET lock_timeout")
""",
    'op.drop_index("ix_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.execute("SET lock_timeout = 0")
    op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
    op.execute("RESET lock_timeout")
""",
    'op.drop_index("ix_users_email", "users")',
)
_SHORT_SECONDS = 30.0
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BUILD = re.compile(r"\s*(CREATE|REINDEX)\b", re.IGNORECASE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report concurrent builds under a `lock_timeout` of less than half a minute."""
    for index, statement in enumerate(trace.upgrade):
        seconds = _seconds(statement.lock_timeout)
        if is_concurrent(statement) and _BUILD.match(statement.sql) and 0 < seconds < _SHORT_SECONDS:
            yield Diagnostic(
                CODE,
                SEVERITY,
                index,
                next((table for table in statement.locks if table in trace.tables), None),
                f"{label(trace, index)} runs under lock_timeout {statement.lock_timeout}: any older transaction of the "
                "database that lasts longer cancels the build, which leaves an invalid index.",
                "Set lock_timeout to 0 or to minutes for the build.",
                OwnTransactions((statement.sql,), ("lock_timeout = 0",)).expand.fix,
            )


def _seconds(setting: str) -> float:
    """Return the seconds of a duration as Postgres shows it; a number without a unit is in milliseconds."""
    match = re.fullmatch(r"(\d+)\s*(us|ms|s|min|h|d)?", setting)
    return int(match.group(1)) * _UNITS[match.group(2) or "ms"] if match else 0.0
