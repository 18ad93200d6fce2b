"""A value of an enum is used in the transaction that adds it.

Postgres refuses that (SQLSTATE 55P04), as an index could hold the value after a rollback. The safe way commits first:

    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE plan ADD VALUE IF NOT EXISTS 'premium'")
    op.alter_column("users", "plan", server_default="premium")
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.judging import Failure, failures, label
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import execute, in_autocommit, lines
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "enum-value-used-in-its-transaction"
SEVERITY = Severity.ERROR
_SETUP = USERS + "CREATE TYPE plan AS ENUM ('free', 'paid'); ALTER TABLE users ADD COLUMN plan plan;"
BAD = Example(
    _SETUP,
    """
op.execute("ALTER TYPE plan ADD VALUE 'premium'")
op.alter_column("users", "plan", server_default="premium")
""",
    'raise NotImplementedError("Postgres cannot remove a value of an enum")',
)
GOOD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    op.execute("ALTER TYPE plan ADD VALUE IF NOT EXISTS 'premium'")
op.alter_column("users", "plan", server_default="premium")
""",
    'raise NotImplementedError("Postgres cannot remove a value of an enum")',
)

_ADDS = re.compile(r"\bADD\s+VALUE\s+(?:IF\s+NOT\s+EXISTS\s+)?", re.IGNORECASE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find what Postgres refused."""
    for index, statement in failures(trace, Failure.ENUM_VALUE):
        adding = [one.sql for one in trace.upgrade[:index] if _ADDS.search(one.sql)]
        # what the block commits is there when the revision runs again
        block = in_autocommit(*(execute(_ADDS.sub("ADD VALUE IF NOT EXISTS ", sql, count=1)) for sql in adding))
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            None,
            f"{label(trace, index)} uses a value of an enum in the transaction that adds it: {statement.error}",
            "Add the value in an autocommit block, or in a revision of its own.",
            lines(block, execute(statement.sql)) if adding else None,
        )
