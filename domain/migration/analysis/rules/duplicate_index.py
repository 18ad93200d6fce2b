"""A new index duplicates an existing one.

Every write maintains both indexes, and no query needs the second. A btree index is also a duplicate if its columns are
the first columns of another btree index, unless it is unique. The safe way is not to build it.
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.changes import added, statement_of
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.index_definition import after_using
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "duplicate-index"
SEVERITY = Severity.WARNING
_SETUP = USERS + "CREATE INDEX ix_users_email_name ON users (email, name);"
BAD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_email", "users")',
)
GOOD = Example(
    _SETUP,
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_name", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_name", "users", ["name"], postgresql_concurrently=True)
""",
    'op.drop_index("ix_users_name", "users")',
)
_PLAIN = re.compile(r"btree \(([\w\", ]+)\)$")


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Compare each new index with the others of its table."""
    for name in added(trace, "index"):
        table = attributes(trace.after, "index", name)["table"]
        for existing in sorted(names_of(trace.after, "index") - {name}):
            if attributes(trace.after, "index", existing)["table"] == table and _covers(trace, existing, name):
                yield Diagnostic(
                    CODE,
                    SEVERITY,
                    statement_of(trace, "index", name),
                    str(table),
                    f"The index {name} of {table} duplicates {existing}: every write maintains both, and no query "
                    "needs the second.",
                    "Leave the new index out, or drop the old one in a later revision.",
                )
                break


def _covers(trace: RevisionTrace, existing: str, name: str) -> bool:
    new_index, old_index = attributes(trace.after, "index", name), attributes(trace.after, "index", existing)
    if old_index.get("valid") is False or (new_index.get("unique") and not old_index.get("unique")):
        return False
    new_keys, old_keys = (after_using(str(index["definition"])) for index in (new_index, old_index))
    if new_keys == old_keys:
        return name > existing or existing not in added(trace, "index")
    keys, longer = _PLAIN.match(new_keys), _PLAIN.match(old_keys)
    return bool(keys and longer and not new_index.get("unique") and longer.group(1).startswith(f"{keys.group(1)}, "))
