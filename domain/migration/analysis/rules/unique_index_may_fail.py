"""A unique index is built on columns whose values may have duplicates.

The build succeeded on the rows of the sandbox. On your rows it fails as soon as two of them are equal, and a concurrent
build leaves an invalid index. Only your database knows whether it has duplicates. The safe way is to look for them
first, and to remove them:

    SELECT email, count(*) FROM users GROUP BY email HAVING count(*) > 1
"""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.changes import added, former_name, new_columns
from domain.migration.analysis.impact import is_live
from domain.migration.analysis.lock_windows import is_concurrent
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.index_definition import key_columns
from domain.migration.names import split
from domain.migration.snapshot import Value, attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "unique-index-may-fail"
SEVERITY = Severity.NOTE
BAD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.create_index("uq_users_email", "users", ["email"], unique=True, postgresql_concurrently=True)
""",
    'op.drop_index("uq_users_email", "users")',
)
GOOD = Example(
    USERS,
    """
with op.get_context().autocommit_block():
    op.drop_index("uq_users_id_email", "users", if_exists=True, postgresql_concurrently=True)
    op.create_index("uq_users_id_email", "users", ["id", "email"], unique=True, postgresql_concurrently=True)
""",
    'op.drop_index("uq_users_id_email", "users")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report new unique indexes on existing columns that no unique index covered before."""
    for name in added(trace, "index"):
        entry = attributes(trace.after, "index", name)
        table = str(entry["table"])
        builds = (number for number, traced in enumerate(trace.upgrade) if name in traced.indexes_built)
        statement = next(builds, None)
        if not entry.get("unique") or entry.get("valid") is False or statement is None:
            continue
        keys = key_columns(str(entry["definition"]))
        if not is_live(trace, table, statement) or _is_unique_already(trace, table, entry, keys):
            continue
        leaves = ", and leaves an invalid index" if is_concurrent(trace.upgrade[statement]) else ""
        yield Diagnostic(
            CODE,
            SEVERITY,
            statement,
            table,
            f"The index {name} of {table} is unique, but nothing has prevented duplicates so far. If two rows are "
            f"equal, its build fails{leaves}.",
            f"Look for duplicates first: {_question(table, entry, keys)}",
        )


def _question(table: str, index: Mapping[str, Value], keys: list[str]) -> str:
    columns = ", ".join(keys)
    # NULLs are distinct by default, so they are no duplicates.
    conditions = [] if index.get("nulls_not_distinct") else [f"{key} IS NOT NULL" for key in keys]
    conditions += [str(index["predicate"])] if index.get("predicate") else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns}, count(*) FROM {table}{where} GROUP BY {columns} HAVING count(*) > 1"  # noqa: S608 - never run


def _is_unique_already(trace: RevisionTrace, table: str, index: Mapping[str, Value], keys: list[str]) -> bool:
    """Return whether the values are unique: an older unique index covers them, or a new column is still empty."""
    wrote = any(table in statement.rows for statement in trace.upgrade)
    for key in keys:
        column = f"{table}.{key}"
        if column in new_columns(trace) and not (wrote or attributes(trace.after, "column", column).get("default")):
            return not index.get("nulls_not_distinct")
    old_keys = {split(former_name(trace, f"{table}.{key}") or f"{table}.{key}")[1] for key in keys}
    for name in names_of(trace.before, "index"):
        old_index = attributes(trace.before, "index", name)
        is_complete = old_index.get("unique") and old_index.get("valid") is not False and not old_index.get("predicate")
        is_as_strict = old_index.get("nulls_not_distinct") or not index.get("nulls_not_distinct")
        if (
            is_complete
            and is_as_strict
            and old_index["table"] == table
            and {*key_columns(str(old_index["definition"]))} <= old_keys
        ):
            return True
    return False
