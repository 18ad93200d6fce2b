"""An invalid index is left behind.

A concurrent build that fails leaves an index that every write maintains and no query uses. The safe way drops what an
earlier attempt left before it builds:

    with op.get_context().autocommit_block():
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
"""

from collections.abc import Iterator

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.judging import attributes, bare, execute, names_of, schema_argument, statement_of
from domain.migration.rule import USERS, Example
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "invalid-index-left"
SEVERITY = Severity.ERROR
_SETUP = USERS + "ALTER TABLE users ADD COLUMN plan text DEFAULT 'free';"
BAD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    try:
        op.create_index("ix_users_plan", "users", ["plan"], unique=True, postgresql_concurrently=True)
    except sa.exc.IntegrityError:
        pass
""",
    'op.drop_index("ix_users_plan", "users")',
)
GOOD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    op.create_index("ix_users_plan", "users", ["plan"], postgresql_concurrently=True)
""",
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_plan", "users", postgresql_concurrently=True)
""",
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Find invalid indexes that the upgrade made or touched."""
    for index in sorted(names_of(trace.after, "index")):
        held = attributes(trace.after, "index", index)
        table = str(held["table"])
        statement = statement_of(trace, "index", index) if held.get("valid") is False else None
        if statement is None:
            continue
        if attributes(trace.after, "table", table).get("kind") == "partitioned table":
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                table,
                f"The index {index} of {table} is invalid after the upgrade: not every partition has its part of it.",
                "Build an index on each partition concurrently, and attach it, in this revision: with the last one the "
                "whole becomes valid.",
                "with op.get_context().autocommit_block():\n"
                '    op.execute("CREATE INDEX CONCURRENTLY … ON <partition> …")\n'
                + execute(f"ALTER INDEX {index} ATTACH PARTITION …"),
            )
        else:
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                table,
                f"The index {index} of {table} is invalid after the upgrade: writes maintain it, no query uses it.",
                "Drop it concurrently, and build it again.",
                "with op.get_context().autocommit_block():\n"
                f'    op.drop_index("{bare(index)}", "{bare(table)}"{schema_argument(table)}, if_exists=True, '
                "postgresql_concurrently=True)\n",
            )
