"""The upgrade leaves an invalid index.

A concurrent build that fails leaves an invalid index. Every write maintains it, and no query uses it. The safe way is
to drop the leftover of an earlier attempt before the build:

    with op.get_context().autocommit_block():
        op.drop_index("ix_users_email", "users", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_users_email", "users", ["email"], postgresql_concurrently=True)
"""

from collections.abc import Iterator

from domain.migration.analysis.changes import statement_of
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.forms.form import Step
from domain.migration.forms.made_names import free_joined_name, taken_relations
from domain.migration.names import bare, split
from domain.migration.repair.definitions import texts
from domain.migration.snapshot import attributes, names_of
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
    op.drop_index("ix_users_plan", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("ix_users_plan", "users", ["plan"], postgresql_concurrently=True)
""",
    """
with op.get_context().autocommit_block():
    op.drop_index("ix_users_plan", "users", postgresql_concurrently=True)
""",
)

_EQUAL = "23505"  # unique_violation


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report invalid indexes that the upgrade created or touched."""
    for index in sorted(names_of(trace.after, "index")):
        entry = attributes(trace.after, "index", index)
        table = str(entry["table"])
        statement = statement_of(trace, "index", index) if entry.get("valid") is False else None
        if statement is None:
            continue
        if attributes(trace.after, "table", table).get("kind") == "partitioned table":
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                table,
                f"The index {index} of {table} is invalid after the upgrade: a partition has no index attached to it.",
                "Build an index on each partition concurrently, and attach each of them, in this revision. The index "
                "of the table becomes valid with the last one.",
                _by_partition(trace, index),
            )
        else:
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                table,
                f"The index {index} of {table} is invalid after the upgrade: writes maintain it, but no query uses it.",
                "Drop the index concurrently, and build it again.",
                _rebuilt(trace, index, statement),
            )


def _rebuilt(trace: RevisionTrace, index: str, statement: int) -> str:
    """Return operations that drop the leftover and build the index again, without UNIQUE if two rows are equal."""
    definition, note = str(attributes(trace.after, "index", index)["definition"]), []
    if any(earlier.sqlstate == _EQUAL for earlier in trace.upgrade[: statement + 1]):
        definition, note = definition.replace("CREATE UNIQUE ", "CREATE ", 1), ["# Not unique, as two rows are equal."]
    build = ConcurrentIndex.of(trace.after, index, definition).expand
    return (Step(tuple(note)) + build).fix


def _by_partition(trace: RevisionTrace, index: str) -> str | None:
    """Return operations that build the index of each partition concurrently and attach it to the index of the table.

    None stands for a table whose partitions are not all plain tables.
    """
    entry = attributes(trace.after, "index", index)
    table, definition = str(entry["table"]), str(entry["definition"])
    partitions = [
        name
        for name in sorted(names_of(trace.after, "table"))
        if table in texts(attributes(trace.after, "table", name).get("parents"))
    ]
    if any(attributes(trace.after, "table", name).get("kind") != "table" for name in partitions):
        return None
    own, parts = split(index)[1], dict[str, str]()
    for name in partitions:
        taken = taken_relations(split(name)[0], trace.before, trace.after) | {bare(other) for other in parts.values()}
        parts[name] = free_joined_name((index, name), taken)
    indexes = tuple(
        ConcurrentIndex(
            f"{split(name)[0]}.{part}", name, definition.replace(f"{own} ON ONLY {table} ", f"{part} ON {name} ", 1)
        )
        for name, part in parts.items()
    )
    return ConcurrentIndex(index, table, definition, partitioned=True, parts=indexes).expand.fix
