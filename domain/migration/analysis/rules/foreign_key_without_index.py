"""A foreign key has no index on its referencing columns.

When a row of the referenced table is deleted, or its key changes, Postgres looks for rows that refer to it. Without an
index it scans the whole referencing table each time. The safe way is to build the index, concurrently if the table is
in use:

    with op.get_context().autocommit_block():
        op.drop_index("ix_orders_user_id", "orders", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_orders_user_id", "orders", ["user_id"], postgresql_concurrently=True)
"""

from collections.abc import Iterator

from domain.migration.analysis.changes import added, new_columns, removed, statement_of
from domain.migration.analysis.moves import moved_to
from domain.migration.analysis.rule import ORDERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.form import Step
from domain.migration.forms.planned_index import PlannedIndex
from domain.migration.index_definition import after_using, first_list, key_columns
from domain.migration.names import bare, split
from domain.migration.op_code import lines
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "foreign-key-without-index"
SEVERITY = Severity.WARNING
_KEY = 'op.create_foreign_key("fk_orders_user_id", "orders", "users", ["user_id"], ["id"], postgresql_not_valid=True)'
_DROP = 'op.drop_constraint("fk_orders_user_id", "orders")'
BAD = Example(ORDERS + "DROP INDEX ix_orders_user_id;", _KEY, _DROP)
GOOD = Example(ORDERS, _KEY, _DROP)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report new foreign keys whose columns are not the first columns of an index; of partitions, that of the root."""
    if trace.after is None:
        return
    moved = {moved_to(trace, "table", old) for old in removed(trace, "table")}
    indexes: dict[tuple[str, tuple[str, ...]], PlannedIndex] = {}
    for name in added(trace, "constraint"):
        if split(name)[0] in moved:
            continue
        constraint = attributes(trace.after, "constraint", name)
        if constraint.get("type") != "foreign key" or constraint.get("inherited"):
            continue
        table, columns = split(name)[0], first_list(str(constraint["definition"]))
        if _indexed(trace, table, columns):
            continue
        if (table, tuple(columns)) not in indexes:
            others = {bare(other) for index in indexes.values() for other in index.names}
            indexes[table, tuple(columns)] = PlannedIndex.of(trace.after, table, tuple(columns), others)
        yield Diagnostic(
            CODE,
            SEVERITY,
            statement_of(trace, "constraint", name),
            table,
            f"The foreign key {name} has no index on ({', '.join(columns)}), so each DELETE of a referenced row scans "
            f"the whole of {table}.",
            "Build an index whose first columns are the columns of the foreign key.",
            _fix(trace, indexes[table, tuple(columns)]),
        )


def _fix(trace: RevisionTrace, index: PlannedIndex) -> str:
    """Return operations that build the index before the foreign key is added, because the autocommit block commits.

    The index on a new column comes in the next revision, and the index on a new table needs no concurrent build.
    """
    if index.table not in trace.tables:
        return lines(index.on_new_table)
    own_new_columns = {split(column)[1] for column in new_columns(trace) if split(column)[0] == index.table}
    new = {*index.columns} & own_new_columns
    place = "# In the next revision:" if new else "# Before the foreign key:"
    kept_undo = () if new else ("...  # what is there now, then:",)
    build = index.expand
    return Step((place, *build.upgrade), (*kept_undo, *build.downgrade)).fix


def _indexed(trace: RevisionTrace, table: str, columns: list[str]) -> bool:
    for index in names_of(trace.after, "index"):
        entry = attributes(trace.after, "index", index)
        if (
            entry["table"] == table
            and entry.get("predicate") is None
            and after_using(str(entry["definition"])).startswith("btree ")
            and {*key_columns(str(entry["definition"]))[: len(columns)]} == {*columns}
        ):
            return True
    return False
