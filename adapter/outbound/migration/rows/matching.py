"""Rows that a statement finds which has found none: its conditions are put on a few rows as if they were checks."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from adapter.outbound.migration.rows.edge_rows import edge_count, insert_edges
from adapter.outbound.migration.rows.inserting import insert
from adapter.outbound.migration.rows.parents import column_names
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session
from adapter.outbound.migration.rows.planning import leave_empty, make_plan
from adapter.outbound.migration.rows.quoting import literal, quote
from adapter.outbound.migration.rows.sequences import move_sequences
from adapter.outbound.migration.rows.sought import Sought, columns_of, read_plan, replace_columns

_USUAL = 4  # rows beside those at the edges
_FAR = 1_000  # numbers further on, which ordinary rows do not reach
_DEPTH = 3  # parents of parents that are made for a key that was looked up
_NUMBER = re.compile(r"(?<![\w.$])-?\d+(?:\.\d+)?(?![\w.])")
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_ROOT = """
SELECT coalesce(pg_partition_root(c.oid), c.oid)::oid::int8, c.relispartition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
"""


@dataclass(frozen=True)
class Statement:
    """A statement that found no row.

    Attributes:
        sql: Its text.
        plan: Its plan, as EXPLAIN (VERBOSE, FORMAT JSON) gives it.
    """

    sql: str
    plan: Mapping[str, Any]


@dataclass
class _Search:
    """One statement, while rows are made for it."""

    statement: Statement
    sought: Sought
    tables: dict[str, Table]  # by alias
    chosen: dict[str, dict[str, str]] = field(default_factory=dict)  # values of a row by alias and column


def fill_matching(
    connection: psycopg.Connection[Any], statements: Sequence[Statement], rows: int, young: Collection[str] = ()
) -> int:
    """Add a few rows to filled tables that statements would find.

    Their conditions are tried as checks are: what passes on the server is taken. Nothing promises that a statement
    finds something then.

    Args:
        connection: As `fill` wants it.
        statements: What found no row.
        rows: Rows that each table was filled with.
        young: Columns, as schema.table.column, that are empty in real life, where no statement looks there.

    Returns:
        How many rows were added or changed.

    Raises:
        psycopg.Error: The catalog cannot be read, or the connection is lost.
    """
    with connection.transaction():
        schema = read_schema(connection, find_tables(connection), "")
        superuser = connection.execute("SELECT current_setting('is_superuser') = 'on'").fetchone() == (True,)
    session = Session(connection, schema, rows, full=set(schema.tables), superuser=superuser, few=True)
    session.filled = set(schema.tables)
    total = 0
    with without_handlers(connection):
        for statement in statements:
            total += _fill_for(session, statement, rows, young)
        changed = {oid for oid, table in schema.tables.items() if session.added.get(table.name)}
        move_sequences(session, changed, 0)
    return total


def _fill_for(session: Session, statement: Statement, rows: int, young: Collection[str]) -> int:
    sought = read_plan(statement.plan)
    tables = _tables(session, sought)
    search = _Search(statement, sought, tables)
    total = 0
    for alias in _in_order(search):
        checks = _checks(search, alias)
        if checks or len(tables) > 1 or sought.absent:
            total += _add(session, tables[alias], checks, rows, young)
            search.chosen[alias] = _newest(session, tables[alias], checks)
    return total


def _tables(session: Session, sought: Sought) -> dict[str, Table]:
    """Find the tables of a statement that can be filled; of partitions, their table once."""
    tables: dict[str, Table] = {}
    for alias, relation in sought.relations.items():
        found = session.connection.execute(_ROOT, (relation.schema, relation.name)).fetchone()
        table = session.schema.tables.get(found[0]) if found else None
        if table is not None and not (found and found[1] and table in tables.values()):
            tables[alias] = table
    return tables


def _in_order(search: _Search) -> list[str]:
    """Put parents before their children, and what is compared with literals before what it is joined with."""
    ordered: list[str] = []
    compared = {
        of
        for text in search.sought.conditions
        if len(aliases := {of for of, _ in columns_of(text)}) == 1
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
    """Write the conditions on one table's row as checks, with values of the rows that were chosen of others."""
    found = (_check(search, alias, condition) for condition in search.sought.conditions)
    return tuple(check for check in found if check is not None)


def _check(search: _Search, alias: str, condition: str) -> Check | None:
    """Write one condition as a check; None where it is not about this table, or not yet."""
    table = search.tables[alias]
    numbers = {column.name: number for number, column in table.columns.items()}
    columns = columns_of(condition)
    own = [_unquoted(name) for of, name in columns if of == alias]
    if not own or any(name not in numbers for name in own):
        return None
    others = {of for of, _ in columns if of != alias}
    unknown = others - search.chosen.keys()
    if unknown & search.tables.keys() or unknown - search.sought.relations.keys() - search.sought.others:
        return None

    def put(of: str, name: str) -> str:
        if of == alias:
            return quote(_unquoted(name))
        return search.chosen.get(of, {}).get(_unquoted(name), f"{of}.{name}")

    expression = _one_of(own, search.statement.sql) if unknown else replace_columns(condition, put)
    if expression is None:
        return None
    check = Check("of the statement", f"({expression}) IS TRUE", tuple(dict.fromkeys(numbers[name] for name in own)))
    return ungenerated(check, table.columns, numbers)


def _one_of(own: Sequence[str], sql: str) -> str | None:
    """Write that a column has one of the values in a text: what it is compared with is written nowhere else."""
    texts = [each.replace("''", "'") for each in _TEXT.findall(sql)] + _NUMBER.findall(_TEXT.sub(" ", sql))
    listed = ", ".join(literal(each) for each in dict.fromkeys(texts))
    return f"({quote(own[0])})::text IN ({listed})" if listed and len({*own}) == 1 else None


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _add(
    session: Session, table: Table, checks: Sequence[Check], rows: int, young: Collection[str], depth: int = 0
) -> int:
    """Add rows that pass some checks, or let one that is there pass them where there is no room for more."""
    if depth < _DEPTH:
        for key in table.foreign_keys:
            _add_parent(session, key, table, checks, rows, young, depth)
    wanted = {number for check in checks for number in check.columns}
    have, edges = int(session.one(f"SELECT count(*) FROM {table.source} r")), edge_count(rows)
    passing = f"SELECT count(*) FROM {table.source} r WHERE {_all(checks)}"
    before, added, plan = int(session.attempt(passing) or 0), 0, None
    extended = replace(table, checks=(*table.checks, *checks))
    try:
        with session.connection.transaction():
            session.rows = have + _USUAL + edges
            plan = make_plan(session, extended, table.foreign_keys, (), (), wanted)
            leave_empty(plan, young, wanted)
            insert(session, plan, have, have + _USUAL)
            insert_edges(session, plan, have + _FAR, edges)
            added = int(session.one(passing)) - before
            if not added:
                raise psycopg.Rollback
    except (CannotFillError, psycopg.Error):
        if session.connection.closed:
            raise
        added = 0
    if not (added or before) and plan is not None and wanted:
        added = _change(session, plan, wanted, have, passing)
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
    """Add a parent where a key is asked for that none has."""
    parent = session.schema.tables.get(key.parent)
    own = [check for check in checks if {*check.columns} <= {*key.columns}]
    if parent is None or parent.oid == table.oid or not own:
        return
    places = dict(zip(key.columns, key.parent_columns, strict=True))
    moved = []
    for check in own:
        names = column_names(session, parent.oid, [places[number] for number in check.columns])
        given = ", ".join(
            f"{name} AS {table.columns[number].quoted}" for number, name in zip(check.columns, names, strict=True)
        )
        expression = f"(SELECT {check.expression} FROM (SELECT {given}) s)"
        moved.append(Check(check.name, expression, tuple(places[number] for number in check.columns)))
    if session.attempt(f"SELECT EXISTS (SELECT FROM {parent.source} r WHERE {_all(moved)})") is False:
        _add(session, parent, moved, rows, young, depth + 1)


def _change(session: Session, plan: Plan, wanted: Collection[int], have: int, passing: str) -> int:
    """Return one row the values that are wanted; return how many rows pass then."""
    table = plan.table
    if not {*wanted} <= plan.values.keys() or table.source != table.sql:
        return 0
    numbers = sorted(wanted)
    names = ", ".join(table.columns[number].quoted for number in numbers)
    values = ", ".join(plan.expression(number) for number in numbers)
    row = f"SELECT tableoid, ctid FROM {table.sql} ORDER BY tableoid, ctid LIMIT 1"
    try:
        with session.connection.transaction():
            session.connection.execute(
                f"UPDATE {table.sql} SET ({names}) = (SELECT {values} FROM (SELECT {have + 1}::int8 AS g) n)"
                f" WHERE (tableoid, ctid) IN ({row})".encode()
            )
            session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            changed = int(session.one(passing))
            if changed:
                return changed
            raise psycopg.Rollback
    except psycopg.Error:
        if session.connection.closed:
            raise
    return 0


def _newest(session: Session, table: Table, checks: Sequence[Check]) -> dict[str, str]:
    """Read a row that passes some checks, the newest one, as literals; empty where there is none."""
    columns = list(table.columns.values())
    texts = ", ".join(f"({column.quoted})::text" for column in columns)
    query = f"SELECT ARRAY[{texts}] FROM {table.source} r WHERE {_all(checks)} ORDER BY r.ctid DESC LIMIT 1"
    found = session.attempt(query)
    return {
        column.name: f"{'NULL' if value is None else literal(value)}::{column.type_sql}"
        for column, value in zip(columns, found or (), strict=False)
    }
