"""SET LOCAL outside a transaction does nothing.

In an autocommit block each statement is its own transaction, and SET LOCAL lasts until the end of that: Postgres only
warns. The safe way sets it for the session, and takes it back:

    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '30s'")
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
        op.execute("RESET lock_timeout")
"""

import re
from collections.abc import Iterator
from itertools import takewhile

from domain.migration.analysis.forms import rerun_steps
from domain.migration.analysis.judging import label
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import execute, in_autocommit
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "set-local-in-autocommit"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.execute("SET LOCAL lock_timeout = '30s'")
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.execute("SET lock_timeout = '30s'")
    op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
    op.execute("RESET lock_timeout")
""",
    'op.drop_index("ix_users_email", "users")',
)
_SET_LOCAL = re.compile(r"\s*SET\s+LOCAL\s+([\w.]+)", re.IGNORECASE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find settings that are gone before they matter."""
    for index, statement in enumerate(trace.upgrade):
        found = _SET_LOCAL.match(statement.sql)
        if found and statement.transaction is None:
            setting = _SET_LOCAL.sub(r"SET \1", " ".join(statement.sql.split()))
            yield Diagnostic(
                CODE,
                SEVERITY,
                index,
                None,
                f"{label(trace, index)} does nothing: outside a transaction {found.group(1)} stays as it was.",
                "Use SET, and RESET afterwards.",
                _fix(trace, index, setting, found.group(1)),
            )


def _fix(trace: RevisionTrace, index: int, setting: str, name: str) -> str:
    """Set it for the session, around the statements that follow and commit by themselves, too."""
    following = list(takewhile(lambda one: one.transaction is None, trace.upgrade[index + 1 :]))
    steps = [step for one in following for step in rerun_steps(one.sql) if not _SET_LOCAL.match(one.sql)]
    return in_autocommit(execute(setting), *steps, execute(f"RESET {name}"))
