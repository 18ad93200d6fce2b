"""One transaction writes all rows of a big table that meet a condition, and the sandbox cannot know how many do.

The rows of the sandbox are made up, so their share says nothing. Each written row stays locked until the transaction
ends, and other writers of the row wait. If nearly all rows meet the condition, this is an update of the whole table.
The safe way is to work in batches that commit:

    with op.get_context().autocommit_block():
        while op.get_bind().execute(sa.text(
            "UPDATE users SET name = NULL WHERE id IN (SELECT id FROM users WHERE name = 'none' LIMIT 1000)"
        )).rowcount:
            pass

A table that the statistics of the target know as small is not reported.
"""

from collections.abc import Iterator

from domain.migration.analysis.rule import USERS, Example
from domain.migration.analysis.unknown_shares import unknown_shares
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "unknown-share"
SEVERITY = Severity.WARNING

_STATE = (
    "ALTER TABLE users ADD COLUMN state text; UPDATE users SET state = CASE id % 5 WHEN 0 THEN 'done' ELSE 'new' END"
)
_SETUP = USERS + _STATE
_DOWNGRADE = 'raise NotImplementedError("the names stay gone")'
BAD = Example(_SETUP, "op.execute(\"UPDATE users SET name = NULL WHERE state = 'done'\")", _DOWNGRADE)
GOOD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    while op.get_bind().execute(sa.text(
        "UPDATE users SET name = NULL WHERE id IN "
        "(SELECT id FROM users WHERE state = 'done' AND name IS NOT NULL LIMIT 100)"
    )).rowcount:
        pass
""",
    _DOWNGRADE,
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report statements that write an unknown share of a big table in one transaction."""
    for index, table in unknown_shares(trace, statistics):
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            table,
            f"{label(trace, index)} writes all rows of {table} that meet a condition, in one transaction. How many of "
            "your rows meet it is not known here. Other writers of these rows wait until the transaction ends.",
            "If they are many, write them in batches, each in a transaction of its own.",
        )
