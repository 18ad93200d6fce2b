"""An enum value is used in the transaction that adds it.

Postgres refuses the statement (SQLSTATE 55P04), because an index could still hold the value after a rollback. The
upgrade fails. The safe way is to commit the new value first:

    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE plan ADD VALUE IF NOT EXISTS 'premium'")
    op.alter_column("users", "plan", server_default="premium")
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.failures import Failure, failures
from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.op_code import executed_again, lines
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

_ADDS = re.compile(r"\bADD\s+VALUE\s", re.IGNORECASE)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report statements that Postgres refused for this reason."""
    for index, statement in failures(trace, Failure.ENUM_VALUE):
        additions = tuple(earlier.sql for earlier in trace.upgrade[:index] if _ADDS.search(earlier.sql))
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            None,
            f"{label(trace, index)} uses an enum value in the transaction that adds it: {statement.error}",
            "Add the value in an autocommit block, or in a revision of its own.",
            lines(*OwnTransactions(additions).expand.upgrade, executed_again(statement.sql)) if additions else None,
        )
