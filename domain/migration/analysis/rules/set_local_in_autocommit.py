"""SET LOCAL outside a transaction does nothing.

In an autocommit block each statement is its own transaction, and SET LOCAL ends with that transaction. Postgres only
warns, and the next statement runs without the setting. The safe way is to set it for the session, and to reset it
afterwards:

    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '30s'")
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
        op.execute("RESET lock_timeout")
"""

import re
from collections.abc import Iterator
from itertools import takewhile

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.own_transactions import OwnTransactions
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
    """Report settings that end before the next statement."""
    for index, statement in enumerate(trace.upgrade):
        match = _SET_LOCAL.match(statement.sql)
        if match and statement.transaction is None:
            setting = _SET_LOCAL.sub(r"\1", " ".join(statement.sql.split()))
            yield Diagnostic(
                CODE,
                SEVERITY,
                index,
                None,
                f"{label(trace, index)} does nothing outside a transaction: {match.group(1)} keeps its value.",
                "Use SET, and RESET afterwards.",
                _fix(trace, index, setting),
            )


def _fix(trace: RevisionTrace, index: int, setting: str) -> str:
    """Return operations that set it for the session, around the next statements that commit by themselves."""
    following = list(takewhile(lambda statement: statement.transaction is None, trace.upgrade[index + 1 :]))
    statements = tuple(statement.sql for statement in following if not _SET_LOCAL.match(statement.sql))
    return OwnTransactions(statements, (setting,)).expand.fix
