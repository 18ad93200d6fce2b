"""Fills tables in an order in which parents come first."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import without_handlers
from adapter.outbound.migration.rows.catalog import ForeignKey, Schema, Table, find_tables, read_schema
from adapter.outbound.migration.rows.edge_rows import edge_count, insert_edges
from adapter.outbound.migration.rows.inserting import insert, insert_without_indexes, reason_of
from adapter.outbound.migration.rows.missing_values import (
    MORE,
    columns_with_defaults,
    columns_without_values,
    give_values,
)
from adapter.outbound.migration.rows.plan import CannotFillError, Plan, Session
from adapter.outbound.migration.rows.planning import make_plan
from adapter.outbound.migration.rows.sequences import move_sequences

_ENOUGH = 2_000  # rows of a table that is only referred to
_MOST_PARENTS = 10  # times as many rows as were asked for


@dataclass(frozen=True)
class FillProblem:
    """A table that has fewer rows than asked for.

    Attributes:
        table: Its qualified name.
        reason: Why, in one line.
    """

    table: str
    reason: str


@dataclass(frozen=True)
class Filled:
    """What was filled.

    Attributes:
        tables: Rows added to each table that had too few, by qualified name.
        problems: Tables that still have too few.
    """

    tables: Mapping[str, int]
    problems: tuple[FillProblem, ...]


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
) -> Filled:
    """Fill each table of the user's schemas up to so many rows, parents first, and analyze them.

    Tables of extensions and Alembic's version table stay as they are. What cannot be filled is reported, not raised.

    Args:
        connection: A connection that is idle or in a transaction that has not failed; its role may insert.
        rows: Rows that each table has afterwards, where its constraints leave room for them. Parents get more where
            their children's checks and keys let too few of them be used.
        only: Qualified names of the tables to fill; those that they refer to get up to 2,000 rows. None for all.
        texts_as: A type that the values of text columns shall be readable as, such as `json` or `integer`, where
            nothing else is asked of them: a revision may convert them. A name that is no type changes nothing.
        settled: Columns, as schema.table.column, that have been there for some revisions. Where one is NULL in every
            row of a table that has enough, a tenth more rows have values in it, if they can: without a value nobody
            sees what is lost with a column.
        young: Columns that came lately, likewise: rows that are added to full tables have nothing in those of them that
            may be empty.
        fresh: Those of them that came last. Where one has its default in every row of a table that has enough, a few
            more rows have values at the edges of its type, as whoever knows the column has written some.
        edges: Make some rows with values at the edges of their types in tables that have next to none.

    Raises:
        psycopg.Error: The catalog cannot be read, or the connection is lost.
    """
    with connection.transaction():
        found = find_tables(connection)
        full = _full(connection, found, rows)
        empty = columns_without_values(connection, found, full, settled) if settled and rows else {}
        constant = columns_with_defaults(connection, found, full, fresh) if fresh and rows and edges else {}
        if not (empty or constant) and all(
            each["oid"] in full for each in found if only is None or each["name"] in only
        ):
            return Filled({}, ())
        schema = read_schema(connection, found, texts_as)
    session = Session(connection, schema, rows, full=full, superuser=_is_superuser(connection), edges=edges)
    named = {each.oid for each in schema.tables.values() if each.name in (only or ())}
    with without_handlers(connection):
        _fill_all(session, _needed(schema, only), named)
        for oid, columns in empty.items():
            give_values(session, schema.tables[oid], columns, max(1, rows // MORE), young)
        for oid, columns in constant.items():
            give_values(session, schema.tables[oid], columns, edge_count(rows), young)
        changed = {oid for oid, table in schema.tables.items() if session.added.get(table.name)}
        move_sequences(session, changed, rows * _MOST_PARENTS)
        _analyze(session)
    return Filled(session.added, tuple(FillProblem(table, reason) for table, reason in session.problems.items()))


def _full(connection: psycopg.Connection[Any], tables: Sequence[Mapping[str, Any]], rows: int) -> set[int]:
    """Find the tables that have enough rows, in one query."""
    counts = [
        f"SELECT {each['oid']}::int8"
        f" WHERE {rows} <= (SELECT count(*) FROM (SELECT FROM {each['source']} r LIMIT {rows}) t)"
        for each in tables
    ]
    return {oid for (oid,) in connection.execute(" UNION ALL ".join(counts).encode())} if counts else set()


def _is_superuser(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT current_setting('is_superuser') = 'on'").fetchone()
    return row is not None and bool(row[0])


def _needed(schema: Schema, only: Collection[str] | None) -> dict[int, Table]:
    """Choose tables by name, and those that their foreign keys lead to."""
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


def _fill_all(session: Session, waiting: dict[int, Table], named: Collection[int]) -> None:
    """Fill tables, parents first.

    Args:
        session: The database.
        waiting: The tables.
        named: Those of them that have been asked for, where the others are only referred to; none when all were.
    """
    wanted = session.rows
    for oid in [oid for oid in waiting if oid in session.full]:
        del waiting[oid]
        session.filled.add(oid)
    while waiting:
        table = _next(session, waiting)
        if table is None:
            _fill_deferred(session, waiting)
            return
        del waiting[table.oid]
        session.rows = min(wanted, _ENOUGH) if named and table.oid not in named else wanted
        _fill_table(session, table, ())


def _next(session: Session, waiting: Mapping[int, Table]) -> Table | None:
    """Choose a table whose parents are filled; else one that can do without those that are not."""
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
    """Fill tables that need each other: one promises the other's keys, which a deferred constraint allows."""
    before = dict(session.added)
    names = [table.name for table in waiting.values()]
    try:
        with session.connection.transaction():
            session.deferred = True
            session.connection.execute("SET CONSTRAINTS ALL DEFERRED")
            _fill_promising(session, waiting)
            session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        session.added = before | dict.fromkeys(names, 0)
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
            kept = ForeignKey(
                key.name, table.oid, key.parent_columns, key.columns, deferrable=True, whole=False, unclaimed=True
            )
            promises.setdefault(key.parent, []).append(kept)


def _fill_table(
    session: Session, table: Table, promised: Sequence[ForeignKey], kept: Sequence[ForeignKey] = ()
) -> None:
    """Fill one table up, and note what came of it."""
    before = 0
    try:
        before = _count(session, table)
        if before < session.rows:
            with session.connection.transaction():
                session.connection.execute("SET LOCAL jit = off")
                reason = _fill_up(session, table, promised, kept, before)
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
    if before < session.rows:
        session.added[table.name] = _count(session, table) - before


def _count(session: Session, table: Table) -> int:
    return int(session.one(f"SELECT count(*) FROM (SELECT FROM {table.source} r LIMIT {session.rows}) t"))


def _fill_up(
    session: Session, table: Table, promised: Sequence[ForeignKey], kept: Sequence[ForeignKey], before: int
) -> str | None:
    """Insert what is missing; give the reason when something still is."""
    if table.partitioned:
        local = table.source == table.sql
        raise CannotFillError("it has no partitions" if local else "all its partitions are foreign tables")
    own = [key for key in table.foreign_keys if key.parent == table.oid]
    others = [*kept, *(key for key in table.foreign_keys if key.parent != table.oid and key not in promised)]
    reason = None
    have = before
    if own and before < session.rows:
        first = max(1, session.rows // 8 if all(table.optional(key) for key in own) else min(8, session.rows // 8))
        plan = make_plan(session, table, others, promised, own)
        reason = insert(session, plan, have, have + first)
        have = _count(session, table)
    if have < session.rows:
        plan = make_plan(session, table, [*others, *own], promised, [])
        if _grow_parents(session, plan):
            plan = make_plan(session, table, [*others, *own], promised, [])
        edges = _edges_of(session, table, before)
        reason = _insert_with_edges(session, plan, have, edges)
        have = _count(session, table)
    return None if have >= session.rows else f"{have} of {session.rows} rows: {reason or 'no more values'}"


def _insert_with_edges(session: Session, plan: Plan, have: int, edges: int) -> str | None:
    """Insert what is missing, some of it at the edges; give the reason when something still is.

    Rows at the edges come last, so that who looks at the first rows of a table sees usual ones. Where not every number
    makes a row, nobody knows the last number; they come first there.
    """
    ordinary, first = session.rows - edges, have + 1
    if edges and plan.yields < 1:
        have += insert_edges(session, plan, have, edges)
        return insert(session, plan, have, session.rows, first=first + edges) and insert(
            session, plan, _count(session, plan.table), session.rows, first=first
        )
    reason = insert_without_indexes(session, plan, have, ordinary)
    have = _count(session, plan.table)
    if edges and have >= ordinary:
        insert_edges(session, plan, ordinary, session.rows - have)
        for start in (session.rows + 1, ordinary + 1):
            have = _count(session, plan.table)
            if have < session.rows:
                reason = insert(session, plan, have, session.rows, first=start)
    return reason


def _edges_of(session: Session, table: Table, before: int) -> int:
    """Return how many rows at the edges a table shall get: none where it has had them, for they come once."""
    fresh = 2 * before < session.rows and table.oid not in session.filled
    return edge_count(session.rows) if session.edges and fresh and not session.deferred else 0


def _grow_parents(session: Session, plan: Plan) -> bool:
    """Add rows to parents of which a row each is needed, where the checks of the child let too few be used."""
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
        wanted = session.rows
        session.rows = wanted * _MOST_PARENTS
        have = _count(session, parent)
        session.rows = min(session.rows, have * wanted // source.count + have // source.count + 1)
        try:
            if have < session.rows:
                with suppress(psycopg.Error, CannotFillError), session.connection.transaction():
                    _fill_up(session, parent, (), (), have)
                more = _count(session, parent) - have
                session.added[parent.name] = session.added.get(parent.name, 0) + more
                grown = grown or more > 0
        finally:
            session.rows = wanted
    return grown


def _analyze(session: Session) -> None:
    """Let the planner know the new rows."""
    names = [each.analyzed for each in session.schema.tables.values() if session.added.get(each.name) and each.analyzed]
    if names:
        with session.connection.transaction():
            # the rows are regular: a short look tells as much as a long one
            session.connection.execute("SET LOCAL default_statistics_target = 10")
            session.connection.execute(f"ANALYZE {', '.join(names)}".encode())
