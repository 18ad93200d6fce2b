"""Numbers that name rows, as in a table in use: some are left out, and rows that are written last have low ones.

A revision that numbers rows anew would otherwise give each row the number that it had.
"""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Mapping

from adapter.outbound.migration.rows.catalog import Column, Schema, Table
from adapter.outbound.migration.rows.plan import Plan, Session
from adapter.outbound.migration.rows.quoting import literal
from adapter.outbound.migration.rows.sequences import drawn_sequences

_WHOLE_NUMBERS = {"int2", "int4", "int8"}
_LEFT_OUT = 33  # numbers before those of ordinary rows: one for every other late row, and some more


def walked(schema: Schema, table: Table) -> set[int]:
    """Return the integer columns that are unique by themselves; a backfill walks their range from end to end."""
    key_columns = (table.columns[key[0]] for key in table.unique if len(key) == 1 and key[0] in table.columns)
    return {
        column.number for column in key_columns if schema.base(column.type, column.modifier)[0].name in _WHOLE_NUMBERS
    }


def leave_out_numbers(schema: Schema, plan: Plan) -> None:
    """Number the keys that have no sequence so that the first numbers are left out, unless some numbers do not fit."""
    for number in walked(schema, plan.table) if plan.yields == 1 else ():
        if number in plan.values and plan.values[number].count == 0:
            plan.indexes.setdefault(number, f"g + {_LEFT_OUT}")


def late_keys(session: Session, plan: Plan, first_row: int, *, empty: bool) -> Mapping[int, str]:
    """Return the expressions of the keys of rows that are written late: every other one of the numbers left out.

    The sequences of the table are moved past these numbers, so this comes before the ordinary rows.

    Args:
        session: The database.
        plan: The plan for the late rows.
        first_row: The number of the first late row.
        empty: Whether the table had no rows.

    Returns:
        The expressions by column; without the columns whose numbers cannot be left out.
    """
    table, place = plan.table, f"2 * (g - {first_row})"
    keys: dict[int, str] = {}
    for number in walked(session.schema, table) & plan.values.keys() if empty else ():
        if plan.indexes.get(number) == f"g + {_LEFT_OUT}":
            keys[number] = f"({plan.values[number].at(f'1 + {place}')})::{table.columns[number].type_sql}"
    for number, sequence in drawn_sequences(session).get(table.oid, {}).items():
        column = table.columns[number]
        if number not in plan.values and number not in plan.fixed:
            first_number = session.attempt(_reserve(session, table, column, sequence))
            if first_number is not None:
                keys[number] = f"({first_number} + {place})::{column.type_sql}"
    return keys


def _reserve(session: Session, table: Table, column: Column, sequence: str) -> str:
    """Return the statement that moves a sequence past the next numbers and returns the first of them.

    It returns nothing where the sequence has no room, or where a row has such a number.
    """
    next_number = f"SELECT CASE WHEN is_called THEN last_value + seqincrement ELSE last_value END FROM {sequence}"
    return (
        f"SELECT setval({literal(sequence)}::regclass, n.first + {_LEFT_OUT - 1}) - {_LEFT_OUT - 1}"
        f" FROM pg_sequence q, LATERAL ({next_number}) n(first)"
        f" WHERE q.seqrelid = {literal(sequence)}::regclass"
        f" AND n.first + {_LEFT_OUT} + seqincrement * {session.rows} <= seqmax"
        f" AND NOT EXISTS (SELECT FROM {table.source} r WHERE {column.quoted} >= n.first)"
    )
