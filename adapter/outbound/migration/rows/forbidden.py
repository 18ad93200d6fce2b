"""Why a row with some values cannot be made: the table forbids the values, or nobody knows any."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapter.outbound.migration.rows.catalog import Check, Column, Schema, Table
from adapter.outbound.migration.rows.checks import share_of_rows
from adapter.outbound.migration.rows.plan import CannotFillError, Session
from adapter.outbound.migration.rows.planning import make_plan
from adapter.outbound.migration.rows.values import NUMBERS, TEXTS

# The widest types, by the names of those that are limited: their values may be beyond what a column can hold.
_WIDEST = {**dict.fromkeys(NUMBERS, "numeric"), **dict.fromkeys(TEXTS - {"citext"}, "text")}


def is_forbidden(session: Session, table: Table, checks: Sequence[Check]) -> bool:
    """Return whether values are known that pass some checks, so that only the table keeps rows from having them.

    Its constraints and the limits of its types then forbid such rows in any database.

    Args:
        session: The database.
        table: The table, which refused the rows that pass.
        checks: The checks.
    """
    numbers = {number for check in checks for number in check.columns}
    types = {kind.name: kind.oid for kind in session.schema.types.values() if kind.name in _WIDEST.values()}
    columns = {number: _widest(session.schema, table.columns[number], types) for number in sorted(numbers)}
    free_table = replace(
        table, columns=columns, checks=tuple(checks), foreign_keys=(), unique=(), distinct=frozenset(), indexes=()
    )
    try:
        plan = make_plan(session, free_table, (), (), (), numbers)
    except CannotFillError:
        return False
    return share_of_rows(session, plan, checks) > 0


def _widest(schema: Schema, column: Column, types: Mapping[str, int]) -> Column:
    """Return a column that may hold NULL and values beyond its type."""
    kind, _ = schema.base(column.type)
    name = _WIDEST.get(kind.name, "")
    oid = types.get(name, kind.oid)
    return replace(
        column, type=oid, modifier=-1, type_sql=schema.types[oid].sql, not_null=False, default=None, identity=False
    )
