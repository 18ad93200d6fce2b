"""A unique index is built on values that nothing has kept apart so far.

In the sandbox it was built; on your rows it fails as soon as two of them are equal, and a concurrent build leaves an
invalid index behind. Only your database knows. The safe way looks first, and mends what it finds:

    SELECT email, count(*) FROM users GROUP BY email HAVING count(*) > 1
"""

from collections.abc import Iterator, Mapping

from domain.migration.analysis.impact import is_concurrent
from domain.migration.analysis.judging import added, is_live
from domain.migration.analysis.rule import USERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.index_definition import key_columns
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
    """Find new unique indexes on columns that were there before, and that no unique index covered."""
    for name in added(trace, "index"):
        held = attributes(trace.after, "index", name)
        table = str(held["table"])
        statement = next((number for number, one in enumerate(trace.upgrade) if name in one.indexes_built), None)
        if not held.get("unique") or held.get("valid") is False or statement is None:
            continue
        keys = key_columns(str(held["definition"]))
        if not is_live(trace, table, statement) or _is_kept_apart(trace, table, held, keys):
            continue
        leaves = ", and leaves an invalid index" if is_concurrent(trace.upgrade[statement]) else ""
        yield Diagnostic(
            CODE,
            SEVERITY,
            statement,
            table,
            f"The index {name} of {table} is unique, and nothing kept its values apart so far: its build fails where "
            f"two rows are equal{leaves}.",
            f"Look first: {_question(table, held, keys)}",
        )


def _question(table: str, held: Mapping[str, Value], keys: list[str]) -> str:
    columns = ", ".join(keys)
    # NULLs are no duplicates
    wanted = [] if held.get("nulls_not_distinct") else [f"{key} IS NOT NULL" for key in keys]
    wanted += [str(held["predicate"])] if held.get("predicate") else []
    where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
    return f"SELECT {columns}, count(*) FROM {table}{where} GROUP BY {columns} HAVING count(*) > 1"  # noqa: S608 - never run


def _is_kept_apart(trace: RevisionTrace, table: str, held: Mapping[str, Value], keys: list[str]) -> bool:
    """Return whether a unique index of before makes the new one hold, or a column that is new has no values yet."""
    wrote = any(table in statement.rows for statement in trace.upgrade)
    for key in keys:
        column = f"{table}.{key}"
        if column in added(trace, "column") and not (wrote or attributes(trace.after, "column", column).get("default")):
            return not held.get("nulls_not_distinct")
    for other in names_of(trace.before, "index"):
        old = attributes(trace.before, "index", other)
        whole = old.get("unique") and old.get("valid") is not False and not old.get("predicate")
        strict = old.get("nulls_not_distinct") or not held.get("nulls_not_distinct")
        if whole and strict and old["table"] == table and {*key_columns(str(old["definition"]))} <= {*keys}:
            return True
    return False
