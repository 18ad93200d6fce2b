"""Rows for statements that found none: the conditions of a statement are treated as checks on a few new rows."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import without_handlers
from adapter.outbound.migration.rows.catalog import (
    Check,
    ForeignKey,
    Table,
    find_tables,
    read_schema,
    ungenerated,
)
from adapter.outbound.migration.rows.compared import changes_by_values, searches_by_value
from adapter.outbound.migration.rows.edge_rows import edge_count, insert_edges
from adapter.outbound.migration.rows.forbidden import is_forbidden
from adapter.outbound.migration.rows.inserting import insert
from adapter.outbound.migration.rows.parents import column_names
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session
from adapter.outbound.migration.rows.planning import leave_empty, make_plan
from adapter.outbound.migration.rows.quoting import literal, quote
from adapter.outbound.migration.rows.sequences import move_sequences
from adapter.outbound.migration.rows.sought import Sought, columns_of, read_plan, replace_columns
from adapter.outbound.migration.rows.varied import vary

_USUAL = 4  # rows without edge values
_FAR = 1_000  # offset of row numbers that ordinary rows do not reach
_DEPTH = 3  # most levels of parents that are added for a key
_NUMBER = re.compile(r"(?<![\w.$])-?\d+(?:\.\d+)?(?![\w.])")
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_ROOT = """
SELECT coalesce(pg_partition_root(c.oid), c.oid)::oid::int8, c.relispartition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
"""


@dataclass(frozen=True)
class Statement:
    """A statement that looks for rows.

    Attributes:
        sql: The text of the statement.
        plan: The plan, as EXPLAIN (VERBOSE, FORMAT JSON) returns it.
        each_value: Whether rows are made for each value that an UPDATE or DELETE compares with and no row has yet,
            instead of any rows that the statement would find.
        within: Whether these include values that have a literal of the UPDATE within them.
    """

    sql: str
    plan: Mapping[str, Any]
    each_value: bool = False
    within: bool = False


@dataclass(frozen=True)
class Matching:
    """What was added for statements.

    Attributes:
        rows: The number of rows that were added or changed.
        unmade: For each table that lacks a row which a statement with `each_value` compares with, and for which nobody
            knows values: the condition on such rows.
    """

    rows: int
    unmade: Mapping[str, str]


@dataclass
class _Search:
    """A statement for which rows are being added."""

    statement: Statement
    sought: Sought
    tables: dict[str, Table]  # by alias
    chosen: dict[str, dict[str, str]] = field(default_factory=dict)  # values of the chosen row, by alias and column


def fill_matching(
    connection: psycopg.Connection[Any],
    statements: Sequence[Statement],
    rows: int,
    young: Collection[str] = (),
    *,
    edges: bool = True,
) -> Matching:
    """Add a few rows that the statements would find to tables that are already filled.

    The conditions of a statement are treated as checks: values that pass on the server are used. A statement may still
    find no row afterwards.

    Args:
        connection: A connection as `fill` requires it.
        statements: Statements that found no row.
        rows: The number of rows that each table was filled with.
        young: New columns, as schema.table.column, which stay empty unless a statement has a condition on them.
        edges: Whether some of the rows have values at the edges of their types.

    Raises:
        psycopg.Error: The catalog cannot be read, or the connection is lost.
    """
    with connection.transaction():
        schema = read_schema(connection, find_tables(connection), "")
        superuser = connection.execute("SELECT current_setting('is_superuser') = 'on'").fetchone() == (True,)
    session = Session(connection, schema, rows, full=set(schema.tables), superuser=superuser, edges=edges, few=True)
    session.filled = set(schema.tables)
    total, unmade = 0, dict[str, str]()
    with without_handlers(connection):
        for statement in statements:
            total += _fill_for(session, statement, rows, young, unmade)
        changed_tables = {oid for oid, table in schema.tables.items() if session.added.get(table.name)}
        move_sequences(session, changed_tables, 0)
    return Matching(total, unmade)


def _fill_for(session: Session, statement: Statement, rows: int, young: Collection[str], unmade: dict[str, str]) -> int:
    if statement.each_value:
        searches = searches_by_value(statement.plan, partial(_elements, session), within=statement.within)
        return sum(_fill_search(session, statement, sought, rows, young, unmade) for sought in searches)
    return _fill_search(session, statement, read_plan(statement.plan), rows, young, unmade)


def _fill_search(
    session: Session,
    statement: Statement,
    sought: Sought,
    rows: int,
    young: Collection[str],
    unmade: dict[str, str],
) -> int:
    tables = _tables(session, sought)
    search = _Search(statement, sought, tables)
    total = 0
    for alias in _in_order(search):
        checks = _checks(search, alias)
        wanted = _lacks(session, tables[alias], checks) if statement.each_value else len(tables) > 1 or sought.absent
        if wanted or (checks and not statement.each_value):
            added = _add(session, tables[alias], checks, rows, young, edges_in_young=not statement.each_value)
            total += added
            is_settled = added or not (statement.each_value and changes_by_values(statement.plan))
            if not (is_settled or is_forbidden(session, tables[alias], checks)):
                unmade.setdefault(tables[alias].name, _all(checks))
        if checks or wanted:
            search.chosen[alias] = _newest(session, tables[alias], checks)
    return total


def _lacks(session: Session, table: Table, checks: Sequence[Check]) -> bool:
    """Return whether a table has no row that passes the checks, as far as the server can say."""
    return (
        bool(checks) and session.attempt(f"SELECT EXISTS (SELECT FROM {table.source} r WHERE {_all(checks)})") is False
    )


def _elements(session: Session, array: str) -> list[str]:
    """Return the elements of an array as texts, without NULL; none where the server cannot read it."""
    elements = session.attempt(f"SELECT array_agg(e::text) FROM unnest({array}) AS e")
    return [element for element in elements or () if element is not None]


def _tables(session: Session, sought: Sought) -> dict[str, Table]:
    """Return the tables of a statement that can be filled, by alias; partitions count once, as their root table."""
    tables: dict[str, Table] = {}
    for alias, relation in sought.relations.items():
        root = session.connection.execute(_ROOT, (relation.schema, relation.name)).fetchone()
        table = session.schema.tables.get(root[0]) if root else None
        if table is not None and not (root and root[1] and table in tables.values()):
            tables[alias] = table
    return tables


def _in_order(search: _Search) -> list[str]:
    """Return the aliases: parents before children, and tables with own conditions before those joined to them."""
    ordered: list[str] = []
    compared = {
        of
        for condition in search.sought.conditions
        if len(aliases := {of for of, _ in columns_of(condition)}) == 1
        for of in aliases
    }
    waiting = dict(sorted(search.tables.items(), key=lambda item: item[0] not in compared))
    while waiting:
        oids = {table.oid for table in waiting.values()}
        free = (
            alias
            for alias, table in waiting.items()
            if not any(key.parent in oids and key.parent != table.oid for key in table.foreign_keys)
        )
        alias = next(free, next(iter(waiting)))
        ordered.append(alias)
        del waiting[alias]
    return ordered


def _checks(search: _Search, alias: str) -> tuple[Check, ...]:
    """Return the conditions on one table as checks; columns of other tables become values of their chosen rows."""
    checks = (_check(search, alias, condition) for condition in search.sought.conditions)
    return tuple(check for check in checks if check is not None)


def _check(search: _Search, alias: str, condition: str) -> Check | None:
    """Return a condition as a check; None where it is on other tables, or needs rows that are not chosen yet."""
    table = search.tables[alias]
    numbers = {column.name: number for number, column in table.columns.items()}
    columns = columns_of(condition)
    own_columns = [_unquoted(name) for of, name in columns if of == alias]
    if not own_columns or any(name not in numbers for name in own_columns):
        return None
    other_aliases = {of for of, _ in columns if of != alias}
    unchosen_aliases = other_aliases - search.chosen.keys()
    if (
        unchosen_aliases & search.tables.keys()
        or unchosen_aliases - search.sought.relations.keys() - search.sought.others
    ):
        return None

    def replacement(of: str, name: str) -> str:
        if of == alias:
            return quote(_unquoted(name))
        return search.chosen.get(of, {}).get(_unquoted(name), f"{of}.{name}")

    expression = (
        _one_of(own_columns, search.statement.sql) if unchosen_aliases else replace_columns(condition, replacement)
    )
    if expression is None:
        return None
    check = Check(
        "of the statement", f"({expression}) IS TRUE", tuple(dict.fromkeys(numbers[name] for name in own_columns))
    )
    return ungenerated(check, table.columns, numbers)


def _one_of(columns: Sequence[str], sql: str) -> str | None:
    """Return the condition that a column equals a literal of the statement; the plan does not show which one it is."""
    texts = [text.replace("''", "'") for text in _TEXT.findall(sql)] + _NUMBER.findall(_TEXT.sub(" ", sql))
    literals = ", ".join(literal(text) for text in dict.fromkeys(texts))
    return f"({quote(columns[0])})::text IN ({literals})" if literals and len({*columns}) == 1 else None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _add(
    session: Session,
    table: Table,
    checks: Sequence[Check],
    rows: int,
    young: Collection[str],
    depth: int = 0,
    *,
    edges_in_young: bool = True,
) -> int:
    """Add rows that pass the checks, or update an existing row so that it passes where no row can be added."""
    if depth < _DEPTH:
        for key in table.foreign_keys:
            _add_parent(session, key, table, checks, rows, young, depth)
    checked_columns = {number for check in checks for number in check.columns}
    row_count = int(session.value_of(f"SELECT count(*) FROM {table.source} r"))
    edges = edge_count(rows) if session.edges else 0
    passing = f"SELECT count(*) FROM {table.source} r WHERE {_all(checks)}"
    passing_before, added, plan = int(session.attempt(passing) or 0), 0, None
    extended = replace(table, checks=(*table.checks, *checks))
    try:
        with session.connection.transaction():
            session.rows = row_count + _USUAL + edges

            def planned(wanted: Collection[int]) -> Plan:
                plan = make_plan(session, extended, table.foreign_keys, (), (), {*checked_columns, *wanted})
                leave_empty(plan, young, checked_columns)
                return plan

            plan = planned(())
            insert(session, plan, row_count, row_count + _USUAL)
            if edges:
                varied = vary(session, plan, planned)
                # An edge in a new column shows what an UPDATE does that found no row before. Beside values that are
                # compared, it would be a value in a column that nobody has written yet.
                emptied = leave_empty(varied, () if edges_in_young else young, checked_columns)
                filled = table.columns.keys() - emptied
                insert_edges(session, varied, row_count + _FAR, edges, only=filled)
            added = int(session.value_of(passing)) - passing_before
            if not added:
                raise psycopg.Rollback
    except (CannotFillError, psycopg.Error):
        if session.connection.closed:
            raise
        added = 0
    if not (added or passing_before) and plan is not None and checked_columns:
        added = _change(session, plan, checked_columns, row_count, passing)
    session.added[table.name] = session.added.get(table.name, 0) + added
    session.rows = rows
    return added


def _all(checks: Sequence[Check]) -> str:
    return " AND ".join(check.expression for check in checks) or "true"


def _add_parent(
    session: Session,
    key: ForeignKey,
    table: Table,
    checks: Sequence[Check],
    rows: int,
    young: Collection[str],
    depth: int,
) -> None:
    """Add a parent row where no existing parent has the key that the checks require."""
    parent = session.schema.tables.get(key.parent)
    key_checks = [check for check in checks if {*check.columns} <= {*key.columns}]
    if parent is None or parent.oid == table.oid or not key_checks:
        return
    places = dict(zip(key.columns, key.parent_columns, strict=True))
    parent_checks = []
    for check in key_checks:
        names = column_names(session, parent.oid, [places[number] for number in check.columns])
        aliased = ", ".join(
            f"{name} AS {table.columns[number].quoted}" for number, name in zip(check.columns, names, strict=True)
        )
        expression = f"(SELECT {check.expression} FROM (SELECT {aliased}) s)"
        parent_checks.append(Check(check.name, expression, tuple(places[number] for number in check.columns)))
    if session.attempt(f"SELECT EXISTS (SELECT FROM {parent.source} r WHERE {_all(parent_checks)})") is False:
        _add(session, parent, parent_checks, rows, young, depth + 1)


def _change(session: Session, plan: Plan, columns: Collection[int], row_count: int, passing: str) -> int:
    """Update one row so that it passes the checks; return how many rows pass afterwards."""
    table = plan.table
    if not {*columns} <= plan.values.keys() or table.source.removeprefix("ONLY ") != table.sql:
        return 0
    numbers = sorted(columns)
    names = ", ".join(table.columns[number].quoted for number in numbers)
    values = ", ".join(plan.expression(number) for number in numbers)
    row = f"SELECT tableoid, ctid FROM {table.source} ORDER BY tableoid, ctid LIMIT 1"
    try:
        with session.connection.transaction():
            session.connection.execute(
                f"UPDATE {table.sql} SET ({names}) = (SELECT {values} FROM (SELECT {row_count + 1}::int8 AS g) n)"
                f" WHERE (tableoid, ctid) IN ({row})".encode()
            )
            session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            changed = int(session.value_of(passing))
            if changed:
                return changed
            raise psycopg.Rollback
    except psycopg.Error:
        if session.connection.closed:
            raise
    return 0


def _newest(session: Session, table: Table, checks: Sequence[Check]) -> dict[str, str]:
    """Return the newest row that passes the checks, as literals by column; empty where there is none."""
    columns = list(table.columns.values())
    texts = ", ".join(f"({column.quoted})::text" for column in columns)
    query = f"SELECT ARRAY[{texts}] FROM {table.source} r WHERE {_all(checks)} ORDER BY r.ctid DESC LIMIT 1"
    values = session.attempt(query)
    return {
        column.name: f"{'NULL' if value is None else literal(value)}::{column.type_sql}"
        for column, value in zip(columns, values or (), strict=False)
    }
