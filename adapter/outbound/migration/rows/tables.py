"""Fills tables in an order that puts parents first."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import without_handlers
from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts
from adapter.outbound.migration.rows.analyzing import analyze
from adapter.outbound.migration.rows.answers import Answers
from adapter.outbound.migration.rows.catalog import ForeignKey, Schema, Table, find_tables, read_schema
from adapter.outbound.migration.rows.edge_rows import edge_count, insert_edges
from adapter.outbound.migration.rows.inserting import distinct_rows, insert, insert_without_indexes, reason_of
from adapter.outbound.migration.rows.keys import late_keys
from adapter.outbound.migration.rows.missing_values import (
    MORE,
    columns_with_defaults,
    columns_without_values,
    set_values,
)
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session
from adapter.outbound.migration.rows.planning import make_plan
from adapter.outbound.migration.rows.room import most_rows
from adapter.outbound.migration.rows.sequences import move_sequences, start_sequences
from adapter.outbound.migration.rows.varied import vary
from domain.migration.statistics import BIG_ROWS, NO_ROOM

_ENOUGH = 2_000  # most rows of a table that is filled only because others refer to it
_MOST_PARENTS = 10  # a parent has at most this many times the requested rows


@dataclass(frozen=True)
class FillProblem:
    """A table that has fewer rows than requested.

    Attributes:
        table: Qualified name of the table.
        reason: Why it has fewer rows, in one line.
    """

    table: str
    reason: str


@dataclass(frozen=True)
class Filled:
    """The result of filling.

    Attributes:
        tables: Number of rows added to each table that had too few, by qualified name.
        problems: Tables that still have too few.
        grown: Whether a table got more rows because another one needed them.
    """

    tables: Mapping[str, int]
    problems: tuple[FillProblem, ...]
    grown: bool = False


def fill(
    connection: psycopg.Connection[Any],
    rows: int = 2000,
    only: Collection[str] | None = None,
    texts_as: str = "",
    settled: Collection[str] = (),
    *,
    young: Collection[str] = (),
    fresh: Collection[str] = (),
    edges: bool = True,
    counts: RowCounts = NOT_COUNTED,
    answers: Answers | None = None,
    kept: Collection[str] = (),
) -> Filled:
    """Fill each table of the user's schemas up to `rows` rows, parents first, and analyze the tables.

    Tables of extensions and Alembic's version table stay as they are. A table that cannot be filled is a problem in the
    result, not an error.

    Args:
        connection: A connection that is idle or in a transaction that has not failed; its role may insert.
        rows: The number of rows that each table has afterwards, where its constraints leave room for them. Parents get
            more rows where checks and keys of their children allow too few of them.
        only: Qualified names of the tables to fill; tables that they refer to get up to 2,000 rows. None for all.
        texts_as: A type that values of text columns have to be convertible to, such as `json` or `integer`, where no
            check asks for other values, because a revision may convert them. An unknown type changes nothing.
        settled: Columns, as schema.table.column, that have existed for some revisions. Where such a column is NULL in
            every row of a full table, a tenth more rows with values in it are added if possible, because without a
            value the loss of a column does not show.
        young: New columns, as schema.table.column. Rows that are added to full tables have NULL in those of them that
            are nullable.
        fresh: The newest columns, as schema.table.column. Where such a column has its default in every row of a full
            table, a few more rows with values at the edges of its type are added, as a newer application writes them.
        edges: Whether tables that are filled get some rows with values at the edges of their types.
        counts: The rows that tables have now; those of other tables are counted.
        answers: What is known from other databases about values that pass checks; None for nothing.
        kept: Qualified names of tables that get no rows, even if they have too few.

    Returns:
        The number of rows added by table, and the tables that still have too few.

    Raises:
        psycopg.Error: The catalog cannot be read, or the connection is lost.
    """
    with connection.transaction():
        start_sequences(connection)
        table_rows = find_tables(connection)
        full = _full(connection, table_rows, rows, counts) | {row["oid"] for row in table_rows if row["name"] in kept}
        empty = columns_without_values(connection, table_rows, full, settled) if settled and rows else {}
        constant = columns_with_defaults(connection, table_rows, full, fresh) if fresh and rows and edges else {}
        if not (empty or constant) and all(
            row["oid"] in full for row in table_rows if only is None or row["name"] in only
        ):
            return Filled({}, ())
        schema = read_schema(connection, table_rows, texts_as)
    session = Session(connection, schema, rows, full=full, superuser=_is_superuser(connection), edges=edges)
    session.known = (answers or Answers()).given_in(connection, schema)
    named_tables = {table.oid for table in schema.tables.values() if table.name in (only or ())}
    with without_handlers(connection):
        _fill_all(session, _needed(schema, only), named_tables)
        for oid, columns in empty.items():
            set_values(session, schema.tables[oid], columns, max(1, rows // MORE), young)
        for oid, columns in constant.items():
            set_values(session, schema.tables[oid], columns, edge_count(rows), young)
        changed_tables = {oid for oid, table in schema.tables.items() if session.added.get(table.name)}
        move_sequences(session, changed_tables, rows * _MOST_PARENTS)
        analyze(session)
    problems = tuple(FillProblem(table, reason) for table, reason in session.problems.items())
    return Filled(session.added, problems, grown=session.grown)


def _full(
    connection: psycopg.Connection[Any], tables: Sequence[Mapping[str, Any]], rows: int, counts: RowCounts
) -> set[int]:
    """Return the oids of the tables that have enough rows; those that are not counted yet are read in one query."""
    queries = [
        f"SELECT {table['oid']}::int8"
        f" WHERE {rows} <= (SELECT count(*) FROM (SELECT FROM {table['source']} r LIMIT {rows}) t)"
        for table in tables
        if table["oid"] not in counts.tables
    ]
    full = {
        table["oid"] for table in tables if table["oid"] in counts.tables and counts.tables[table["oid"]].all >= rows
    }
    return full | ({oid for (oid,) in connection.execute(" UNION ALL ".join(queries).encode())} if queries else set())


def _is_superuser(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT current_setting('is_superuser') = 'on'").fetchone()
    return row is not None and bool(row[0])


def _needed(schema: Schema, only: Collection[str] | None) -> dict[int, Table]:
    """Return the named tables, and those that their foreign keys lead to, by oid."""
    if only is None:
        return dict(schema.tables)
    waiting = [oid for oid, table in schema.tables.items() if table.name in only]
    needed: dict[int, Table] = {}
    while waiting:
        oid = waiting.pop()
        if oid in schema.tables and oid not in needed:
            needed[oid] = schema.tables[oid]
            waiting += [key.parent for key in needed[oid].foreign_keys]
    return needed


def _fill_all(session: Session, waiting: dict[int, Table], named_tables: Collection[int]) -> None:
    """Fill tables, parents first.

    Args:
        session: The database.
        waiting: The tables by oid; emptied meanwhile.
        named_tables: Oids of the tables that were requested; the others are only referred to. Empty when all were.
    """
    requested_rows = session.rows
    for oid in [oid for oid in waiting if oid in session.full]:
        del waiting[oid]
        session.filled.add(oid)
    while waiting:
        table = _next(session, waiting)
        if table is None:
            _fill_deferred(session, waiting)
            return
        del waiting[table.oid]
        session.rows = (
            min(requested_rows, _ENOUGH) if named_tables and table.oid not in named_tables else requested_rows
        )
        _fill_table(session, table, ())


def _next(session: Session, waiting: Mapping[int, Table]) -> Table | None:
    """Return a table whose parents are filled; otherwise one that can have NULL instead of the missing parents."""
    for every in (True, False):
        for table in waiting.values():
            if all(
                key.parent not in waiting or key.parent == table.oid or (not every and table.optional(key))
                for key in table.foreign_keys
            ):
                return table
    promising = any(key.deferrable for table in waiting.values() for key in table.foreign_keys)
    return None if promising and not session.deferred else next(iter(waiting.values()))


def _fill_deferred(session: Session, waiting: dict[int, Table]) -> None:
    """Fill tables that refer to each other; deferred constraints allow keys whose parents are inserted later."""
    added_before = dict(session.added)
    names = [table.name for table in waiting.values()]
    try:
        with session.connection.transaction():
            session.deferred = True
            session.connection.execute("SET CONSTRAINTS ALL DEFERRED")
            _fill_promising(session, waiting)
            session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        session.added = added_before | dict.fromkeys(names, 0)
        session.problems |= dict.fromkeys(names, reason_of(error))
    finally:
        session.deferred = False


def _fill_promising(session: Session, waiting: dict[int, Table]) -> None:
    promises: dict[int, list[ForeignKey]] = {}
    while waiting:
        table = _next(session, waiting) or next(iter(waiting.values()))
        promised = [
            key
            for key in table.foreign_keys
            if key.parent in waiting and key.parent != table.oid and key.deferrable and not table.optional(key)
        ]
        del waiting[table.oid]
        _fill_table(session, table, promised, promises.get(table.oid, []))
        for key in promised:
            promise = ForeignKey(
                key.name, table.oid, key.parent_columns, key.columns, deferrable=True, whole=False, unclaimed=True
            )
            promises.setdefault(key.parent, []).append(promise)


def _fill_table(
    session: Session, table: Table, promised: Sequence[ForeignKey], promises: Sequence[ForeignKey] = ()
) -> None:
    """Fill one table, and record the added rows or the problem in the session."""
    row_count = 0
    try:
        row_count = _count(session, table)
        if row_count < session.rows:
            with session.connection.transaction():
                session.connection.execute("SET LOCAL jit = off")
                reason = _fill_up(session, table, promised, promises, row_count)
            if reason:
                session.problems[table.name] = reason
    except CannotFillError as error:
        session.problems[table.name] = str(error)
    except psycopg.OperationalError:
        if session.connection.closed:
            raise
        session.problems[table.name] = "the server gave up"
    except psycopg.Error as error:
        session.problems[table.name] = reason_of(error)
    session.filled.add(table.oid)
    if row_count < session.rows:
        session.added[table.name] = _count(session, table) - row_count
    if table.name in session.problems and most_rows(session, table) < BIG_ROWS:
        session.problems[table.name] = f"{_count(session, table)} of {session.rows} rows: a unique key {NO_ROOM}"


def _count(session: Session, table: Table) -> int:
    return int(session.value_of(f"SELECT count(*) FROM (SELECT FROM {table.source} r LIMIT {session.rows}) t"))


def _fill_up(
    session: Session, table: Table, promised: Sequence[ForeignKey], promises: Sequence[ForeignKey], initial_count: int
) -> str | None:
    """Insert the missing rows; return the reason when rows are still missing."""
    if table.partitioned:
        local = table.source == table.sql
        raise CannotFillError("it has no partitions" if local else "all its partitions are foreign tables")
    self_references = [key for key in table.foreign_keys if key.parent == table.oid]
    other_keys = [*promises, *(key for key in table.foreign_keys if key.parent != table.oid and key not in promised)]
    reason = None
    row_count = initial_count
    if self_references and initial_count < session.rows:
        root_count = max(
            1, session.rows // 8 if all(table.optional(key) for key in self_references) else min(8, session.rows // 8)
        )
        plan = make_plan(session, table, other_keys, promised, self_references)
        reason = insert(session, plan, row_count, row_count + root_count)
        row_count = _count(session, table)
    if row_count < session.rows:
        plan = make_plan(session, table, [*other_keys, *self_references], promised, [])
        if _grow_parents(session, plan):
            plan = make_plan(session, table, [*other_keys, *self_references], promised, [])
        edges = _edges_of(session, table, initial_count)
        keys = [*other_keys, *self_references]
        varied = vary(session, plan, partial(make_plan, session, table, keys, promised, [])) if edges else plan
        reason = _insert_with_edges(session, plan, varied, row_count, edges, empty=initial_count == 0)
        row_count = _count(session, table)
    return None if row_count >= session.rows else f"{row_count} of {session.rows} rows: {reason or 'no more values'}"


def _insert_with_edges(
    session: Session, plan: Plan, varied: Plan, row_count: int, edges: int, *, empty: bool
) -> str | None:
    """Insert the missing rows, some with edge values; return the reason when rows are still missing.

    Rows with edge values come last, so that the first rows of a table are ordinary. Where filters drop some rows, the
    last row number is unknown, so rows with edge values come first. They also do in a table that has no room for all
    rows, such as one with a single row, and are at most half of it.

    Args:
        session: The database.
        plan: The plan of ordinary rows.
        varied: The plan of rows with edge values.
        row_count: The number of rows that exist.
        edges: The number of rows with edge values to insert.
        empty: Whether the table had no rows before it was filled.
    """
    room = distinct_rows(plan) - row_count
    if room < session.rows - row_count:
        edges = min(edges, math.ceil(room / 2))
    ordinary, first_number = session.rows - edges, row_count + 1
    edges_first = edges > 0 and (plan.yields < 1 or room < session.rows - row_count)
    last_row = row_count if edges_first else ordinary
    keys = late_keys(session, varied, last_row + 1, empty=empty) if edges else {}
    if edges_first:
        row_count += insert_edges(session, varied, last_row, edges, keys=keys)
        return insert(session, plan, row_count, session.rows, first=first_number + edges) and insert(
            session, plan, _count(session, plan.table), session.rows, first=first_number
        )
    reason = insert_without_indexes(session, plan, row_count, ordinary)
    row_count = _count(session, plan.table)
    if edges and row_count >= ordinary:
        insert_edges(session, varied, last_row, session.rows - row_count, keys=keys)
        for start in (session.rows + 1, ordinary + 1):
            row_count = _count(session, plan.table)
            if row_count < session.rows:
                reason = insert(session, plan, row_count, session.rows, first=start)
    return reason


def _edges_of(session: Session, table: Table, row_count: int) -> int:
    """Return how many rows with edge values a table gets; 0 where it has some, because each edge is used once."""
    fresh = 2 * row_count < session.rows and table.oid not in session.filled
    return edge_count(session.rows) if session.edges and fresh and not session.deferred else 0


def _grow_parents(session: Session, plan: Plan) -> bool:
    """Add rows to parents where each child needs its own parent and the child's checks accept too few of them."""
    grown = False
    for source in plan.sources:
        single = any(set(key) <= set(source.key.columns) for key in plan.table.unique)
        parent = session.schema.tables.get(source.key.parent)
        if (
            parent is None
            or not (single and 0 < source.count < session.rows)
            or source.shared
            or source.key.unclaimed
            or parent.oid not in session.filled
            or parent.oid == plan.table.oid
        ):
            continue
        requested_rows = session.rows
        session.rows = requested_rows * _MOST_PARENTS
        row_count = _count(session, parent)
        session.rows = min(session.rows, row_count * requested_rows // source.count + row_count // source.count + 1)
        try:
            if row_count < session.rows:
                session.grown = True
                with suppress(psycopg.Error, CannotFillError), session.connection.transaction():
                    _fill_up(session, parent, (), (), row_count)
                more = _count(session, parent) - row_count
                session.added[parent.name] = session.added.get(parent.name, 0) + more
                grown = grown or more > 0
        finally:
            session.rows = requested_rows
    return grown
