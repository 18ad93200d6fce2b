"""IF NOT EXISTS keeps an invalid index of an earlier attempt.

A concurrent build that fails leaves an invalid index under its name. When the revision runs again, `IF NOT EXISTS`
sees the name and skips the build. The index stays invalid, no query uses it, and the revision counts as applied. The
safe way is to drop the leftover first:

    with op.get_context().autocommit_block():
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)

A revision that reads `indisvalid` from the catalog before the build is not reported.
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "if-not-exists-keeps-invalid-index"
SEVERITY = Severity.WARNING
BAD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.create_index("ix_users_email", "users", ["email"], if_not_exists=True, postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
)
_BUILD = re.compile(
    r'\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\s+"?([^\s"]+)"?', re.IGNORECASE
)
_ASKS = re.compile(r"\bindisvalid\b", re.IGNORECASE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report concurrent builds that accept any index with their name."""
    for number, statement in enumerate(trace.upgrade):
        match = _BUILD.match(statement.sql)
        if not match:
            continue
        name = match.group(1)
        drop = re.compile(rf"\s*DROP\s+INDEX\b.*(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE | re.DOTALL)
        if any(drop.match(earlier.sql) or _ASKS.search(earlier.sql) for earlier in trace.upgrade[:number]):
            continue
        yield Diagnostic(
            CODE,
            SEVERITY,
            number,
            None,
            f"{label(trace, number)} skips the build if an earlier attempt has left an invalid index {name}.",
            "Drop the index concurrently if it exists, then build it.",
            OwnTransactions((statement.sql,)).expand.fix,
        )
