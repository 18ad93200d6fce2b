"""A foreign key has no index on its referencing columns.

When a row of the referenced table is deleted, or its key changes, Postgres looks for rows that refer to it. Without an
index it scans the whole referencing table each time. The safe way is to build the index, concurrently if the table is
in use:

    with op.get_context().autocommit_block():
        op.drop_index("ix_orders_user_id", "orders", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_orders_user_id", "orders", ["user_id"], postgresql_concurrently=True)
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.forms import built_index, dropped_index, planned_name, with_index
from domain.migration.analysis.impact import is_partitioned
from domain.migration.analysis.judging import added, removed, statement_of
from domain.migration.analysis.moves import moved_to
from domain.migration.analysis.rule import ORDERS, Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import bare, schema_argument, split
from domain.migration.op_code import in_autocommit, lines, quoted, revised
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "foreign-key-without-index"
SEVERITY = Severity.WARNING
_KEY = 'op.create_foreign_key("fk_orders_user_id", "orders", "users", ["user_id"], ["id"], postgresql_not_valid=True)'
_DROP = 'op.drop_constraint("fk_orders_user_id", "orders")'
BAD = Example(ORDERS + "DROP INDEX ix_orders_user_id;", _KEY, _DROP)
GOOD = Example(ORDERS, _KEY, _DROP)
_COLUMNS = re.compile(r"FOREIGN KEY \(([^)]*)\)")
_INDEXED = re.compile(r"USING btree \((.*?)\)")


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report new foreign keys whose columns are not the first columns of an index; of partitions, that of the root."""
    moved = {moved_to(trace, "table", old) for old in removed(trace, "table")}
    for name in added(trace, "constraint"):
        if split(name)[0] in moved:
            continue
        constraint = attributes(trace.after, "constraint", name)
        match = _COLUMNS.search(str(constraint.get("definition")))
        if constraint.get("type") != "foreign key" or constraint.get("inherited") or not match:
            continue
        table, columns = split(name)[0], [column.strip() for column in match.group(1).split(",")]
        if _indexed(trace, table, columns):
            continue
        yield Diagnostic(
            CODE,
            SEVERITY,
            statement_of(trace, "constraint", name),
            table,
            f"The foreign key {name} has no index on ({', '.join(columns)}): each delete of a row it refers to reads "
            f"all of {table}.",
            "Build an index whose first columns are those of the key.",
            _fix(trace, table, columns),
        )


def _fix(trace: RevisionTrace, table: str, columns: list[str]) -> str:
    """Return operations that build the index before the foreign key is added, because the autocommit block commits.

    The index on a new column comes in the next revision, and the index on a new table needs no concurrent build.
    """
    index = planned_name(table, columns)
    listed = ", ".join(quoted(bare(column)) for column in columns)
    target = f"{quoted(bare(index))}, {quoted(bare(table))}"
    schema = schema_argument(table)
    if table not in trace.tables or trace.after is None:
        return lines(f"op.create_index({target}, [{listed}]{schema})")
    new = {*columns} & {split(column)[1] for column in added(trace, "column") if split(column)[0] == table}
    place = "In the next revision" if new else "Before the foreign key"
    if is_partitioned(trace, table):
        with_indexes = with_index(trace.after, table, columns)
        build, drop = built_index(with_indexes, index), dropped_index(with_indexes, index)
    else:
        drop_call = f"op.drop_index({target}{schema}, if_exists=True, postgresql_concurrently=True)"
        build_call = f"op.create_index({target}, [{listed}]{schema}, postgresql_concurrently=True)"
        build, drop = in_autocommit(drop_call, build_call), in_autocommit(drop_call)
    undo = [] if new else ["...  # what is there now, then:"]
    return revised(lines(f"# {place}:", build), *undo, drop)


def _indexed(trace: RevisionTrace, table: str, columns: list[str]) -> bool:
    for index in names_of(trace.after, "index"):
        entry = attributes(trace.after, "index", index)
        match = _INDEXED.search(str(entry["definition"]))
        if entry["table"] == table and entry.get("predicate") is None and match:
            first_columns = [column.split()[0] for column in match.group(1).split(", ")][: len(columns)]
            if set(first_columns) == set(columns):
                return True
    return False
