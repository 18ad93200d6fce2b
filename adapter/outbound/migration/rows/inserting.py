"""Inserts the rows of a plan all at once, in batches or one by one, whichever works first."""
# ruff: noqa: S608 - the names are quoted, the expressions come from the catalog of the same database

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from adapter.outbound.migration.rows.catalog import ForeignKey, Table
from adapter.outbound.migration.rows.parents import column_names
from adapter.outbound.migration.rows.plan import Plan, Session
from adapter.outbound.migration.rows.quoting import quote

_BATCH = 100
_MANY = 5_000  # from this many rows on, building an index is faster than maintaining it
_SLOW_INDEXES = {"hnsw"}
_SINGLES = 300  # most rows that are inserted one by one, after everything else failed
_NO_MORE = "no further values found that a unique key, an exclusion constraint or a trigger accepts"
_WRONG = "cannot be inserted: "  # smaller batches would fail too
_TOO_FAR = "the type has no further numbers"
_OUT_OF_RANGE = "22003"


def insert_without_indexes(session: Session, plan: Plan, row_count: int, target: int) -> str | None:
    """Insert rows, and build indexes afterwards where that is faster and a superuser may mark them as not ready."""
    is_large = target - row_count >= _MANY
    indexes = [index for index in plan.table.indexes if is_large or index.method in _SLOW_INDEXES]
    if not (session.superuser and plan.table.plain and indexes and target - row_count >= _BATCH):
        return insert(session, plan, row_count, target)
    oids = ", ".join(str(index.oid) for index in indexes)
    try:
        with session.connection.transaction():
            session.connection.execute(
                f"UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid IN ({oids})".encode()
            )
            reason = insert(session, plan, row_count, target)
            for index in indexes:
                session.connection.execute(f"REINDEX INDEX {index.sql}".encode())
    except psycopg.Error:
        if session.connection.closed:
            raise
        # an index expression may fail for these values
        return insert(session, plan, row_count, target)
    return reason


def insert(session: Session, plan: Plan, row_count: int, target: int, first: int = 0) -> str | None:
    """Insert rows until the table has `target` rows: all at once, in batches or one by one, whichever works first.

    New rows are numbered from `first`; 0 means the number after `row_count`. The return value is the reason why the
    table has fewer rows, or None.
    """
    full, target = target, int(min(target, _room(plan)))
    if target <= row_count:
        return _NO_MORE
    reason = None
    size = 1 if plan.yields == 1 else min(50, math.ceil(1.2 / plan.yields))
    first = first or row_count + 1
    for _ in range(4):
        missing = target - row_count
        last = first + missing * size - 1
        inserted, reason = _insert_somehow(session, plan, first, last, missing)
        row_count, first = row_count + inserted, last + 1
        if row_count >= target:
            return None if target == full else _NO_MORE
        if inserted == 0 or reason is not None:
            break
    return reason or _NO_MORE


def _room(plan: Plan) -> float:
    """Return how many rows the unique keys allow; infinite where ON CONFLICT can skip the duplicates."""
    return math.inf if plan.table.arbitrable else distinct_rows(plan)


def distinct_rows(plan: Plan) -> float:
    """Return for how many rows the unique keys of one column have values; infinite where there is no limit."""
    value_counts = [plan.values[key[0]].count for key in plan.table.unique if len(key) == 1 and key[0] in plan.values]
    return min((count for count in value_counts if count), default=math.inf)


def _insert_somehow(session: Session, plan: Plan, first: int, last: int, limit: int) -> tuple[int, str | None]:
    inserted, reason = _try_insert(session, plan, first, last, limit)
    if reason is None:
        return inserted, None
    if plan.table.triggers:
        with _triggers_off(session, plan.table) as switched:
            inserted, without = _try_insert(session, plan, first, last, limit) if switched else (0, reason)
        if without is None:
            return inserted, None
    if reason.startswith(_WRONG):
        return 0, reason
    while reason == _TOO_FAR:
        if last - first < _BATCH:
            return 0, None
        last = first + (last - first) // 4
        inserted, reason = _try_insert(session, plan, first, last, limit)
        if reason is None:
            return inserted, None
    total = _insert_pieces(session, plan, first, last, limit, size=_BATCH)
    if total == 0:
        total = _insert_pieces(session, plan, first, min(last, first + _SINGLES - 1), limit, size=1)
    return total, reason


def _insert_pieces(session: Session, plan: Plan, first: int, last: int, limit: int, *, size: int) -> int:
    total = 0
    for start in range(first, last + 1, size):
        if total >= limit:
            break
        total += _try_insert(session, plan, start, min(start + size - 1, last), limit - total)[0]
    return total


def _try_insert(session: Session, plan: Plan, first: int, last: int, limit: int) -> tuple[int, str | None]:
    if plan.yields == 1 and limit >= _BATCH and last - first + 1 == limit:
        quick = _insert_quickly(session, plan, first, last, limit)
        if quick is not None:
            return quick, None
    try:
        with session.connection.transaction():
            count = session.connection.execute(statement_for(plan, first, last, limit).encode()).rowcount
            if not session.deferred:
                # deferred constraints have to fail in this transaction
                session.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            return max(count, 0), None
    except psycopg.Error as error:
        if session.connection.closed:
            raise
        if error.sqlstate == _OUT_OF_RANGE and plan.filters:
            return 0, _TOO_FAR
        wrong = (error.sqlstate or "").startswith("42") and not plan.table.triggers
        return 0, (_WRONG if wrong else "") + reason_of(error)


def _insert_quickly(session: Session, plan: Plan, first: int, last: int, limit: int) -> int | None:
    """Insert rows without conflict handling, and check the foreign keys with one query per key.

    Returns:
        The number of inserted rows; None when the rows need the slower, careful insert.
    """
    table = plan.table
    if not (session.superuser and table.plain) or session.deferred or any(key.whole for key in table.foreign_keys):
        return None
    try:
        with session.connection.transaction():
            if table.foreign_keys:
                session.connection.execute("SET LOCAL session_replication_role = replica")
            statement = statement_for(plan, first, last, limit, conflict="")
            count = session.connection.execute(statement.encode()).rowcount
            if table.foreign_keys:
                session.connection.execute("SET LOCAL session_replication_role = origin")
            if not any(session.value_of(_orphans(session, table, key)) for key in table.foreign_keys):
                return count
            raise psycopg.Rollback
    except psycopg.Error:
        if session.connection.closed:
            raise
    return None


def _orphans(session: Session, table: Table, key: ForeignKey) -> str:
    columns = [f"c.{table.columns[number].quoted}" for number in key.columns]
    names = column_names(session, key.parent, key.parent_columns)
    key_matches = " AND ".join(f"p.{name} = {column}" for name, column in zip(names, columns, strict=True))
    key_is_set = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    parent = session.source(key.parent)
    lacks = f"NOT EXISTS (SELECT FROM {parent} p WHERE {key_matches})"
    return f"SELECT EXISTS (SELECT FROM {table.source} c WHERE {key_is_set} AND {lacks})"


def statement_for(
    plan: Plan,
    first: int,
    last: int,
    limit: int,
    conflict: str = "ON CONFLICT DO NOTHING",
    changes: Mapping[int, str] | None = None,
) -> str:
    """Return the INSERT for a range of row numbers; `changes` replaces the expressions of some columns."""
    table = plan.table
    numbers = sorted({*plan.values, *plan.fixed, *(changes or {})})
    conflict = conflict if table.arbitrable else ""
    if not numbers:
        # every column has a default; a SELECT without columns returns rows too
        return f"INSERT INTO {table.sql} SELECT FROM generate_series(1, {limit}) {conflict}"
    names = ", ".join(table.columns[number].quoted for number in numbers)
    selected = ", ".join(f"r.{table.columns[number].quoted}" for number in numbers)
    where = f"WHERE {' AND '.join(plan.filters)}" if plan.filters else ""
    return (
        f"INSERT INTO {table.sql} ({names}) OVERRIDING SYSTEM VALUE SELECT {selected}"
        f" FROM ({plan.rows(first, last, changes)} OFFSET 0) r {where}"
        f"{'' if last - first < limit and not plan.sources else ' ORDER BY r.fill_row'} LIMIT {limit} {conflict}"
    )


@contextmanager
def _triggers_off(session: Session, table: Table) -> Iterator[bool]:
    """Disable user triggers and restore each one's mode at the end; yield False when the server refuses that."""
    modes = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
    try:
        with session.connection.transaction():
            for name, _ in table.triggers:
                session.connection.execute(f"ALTER TABLE {table.sql} DISABLE TRIGGER {quote(name)}".encode())
    except psycopg.Error:
        yield False
        return
    yield True
    for name, mode in table.triggers:
        session.connection.execute(f"ALTER TABLE {table.sql} {modes[mode]} TRIGGER {quote(name)}".encode())


def reason_of(error: psycopg.Error) -> str:
    """Return the server's message in one line."""
    return error.diag.message_primary or str(error).partition("\n")[0] or type(error).__name__
