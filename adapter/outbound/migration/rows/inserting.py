"""Inserts the rows of a plan: all at once, in batches, one by one, whichever works first."""
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
_MANY = 5_000  # rows from which on building an index is faster than keeping it up
_SLOW_INDEXES = {"hnsw"}
_SINGLES = 300  # rows that are tried one by one, when everything else failed
_NO_ROOM = "a unique key, an exclusion constraint or a trigger leaves no room for more"
_WRONG = "cannot be inserted: "  # fewer rows would not help
_TOO_FAR = "the type has no further numbers"
_OUT_OF_RANGE = "22003"


def insert_without_indexes(session: Session, plan: Plan, have: int, want: int) -> str | None:
    """Insert, and build indexes afterwards where that is faster; needs a superuser, who may mark them as unfinished."""
    many = want - have >= _MANY
    indexes = [each for each in plan.table.indexes if many or each.method in _SLOW_INDEXES]
    if not (session.superuser and plan.table.plain and indexes and want - have >= _BATCH):
        return insert(session, plan, have, want)
    oids = ", ".join(str(each.oid) for each in indexes)
    try:
        with session.connection.transaction():
            session.connection.execute(
                f"UPDATE pg_index SET indisvalid = false, indisready = false WHERE indexrelid IN ({oids})".encode()
            )
            reason = insert(session, plan, have, want)
            for each in indexes:
                session.connection.execute(f"REINDEX INDEX {each.sql}".encode())
    except psycopg.Error:
        if session.connection.closed:
            raise
        # an index on an expression that fails for these values
        return insert(session, plan, have, want)
    return reason


def insert(session: Session, plan: Plan, have: int, want: int, first: int = 0) -> str | None:
    """Insert rows until there are so many: all at once, in batches, one by one, whichever works first.

    They are numbered from `first`; 0 stands for the number after those that are there.
    """
    full, want = want, int(min(want, _room(plan)))
    if want <= have:
        return _NO_ROOM
    reason = None
    size = 1 if plan.yields == 1 else min(50, math.ceil(1.2 / plan.yields))
    first = first or have + 1
    for _ in range(4):
        missing = want - have
        last = first + missing * size - 1
        inserted, reason = _insert_somehow(session, plan, first, last, missing)
        have, first = have + inserted, last + 1
        if have >= want:
            return None if want == full else _NO_ROOM
        if inserted == 0 or reason is not None:
            break
    return reason or _NO_ROOM


def _room(plan: Plan) -> float:
    """Return the rows that a table has room for, where the server cannot pass over those that are too many."""
    keys = [plan.values[key[0]].count for key in plan.table.unique if len(key) == 1 and key[0] in plan.values]
    return math.inf if plan.table.arbitrable else min((count for count in keys if count), default=math.inf)


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
                # what waits for the commit shall fail here
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
    """Insert rows that should neither meet each other nor lack a parent, and look at their parents in one query a key.

    Returns:
        How many; None when it has to be done with care.
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
            if not any(session.one(_orphans(session, table, key)) for key in table.foreign_keys):
                return count
            raise psycopg.Rollback
    except psycopg.Error:
        if session.connection.closed:
            raise
    return None


def _orphans(session: Session, table: Table, key: ForeignKey) -> str:
    columns = [f"c.{table.columns[number].quoted}" for number in key.columns]
    names = column_names(session, key.parent, key.parent_columns)
    same = " AND ".join(f"p.{name} = {column}" for name, column in zip(names, columns, strict=True))
    given = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    parent = session.source(key.parent)
    lacks = f"NOT EXISTS (SELECT FROM {parent} p WHERE {same})"
    return f"SELECT EXISTS (SELECT FROM {table.source} c WHERE {given} AND {lacks})"


def statement_for(
    plan: Plan,
    first: int,
    last: int,
    limit: int,
    conflict: str = "ON CONFLICT DO NOTHING",
    changes: Mapping[int, str] | None = None,
) -> str:
    """Return the INSERT of the rows with these numbers, with other expressions for some columns."""
    table = plan.table
    numbers = sorted({*plan.values, *plan.fixed, *(changes or {})})
    conflict = conflict if table.arbitrable else ""
    if not numbers:
        # every column has a default; a SELECT without columns makes rows too
        return f"INSERT INTO {table.sql} SELECT FROM generate_series(1, {limit}) {conflict}"
    names = ", ".join(table.columns[number].quoted for number in numbers)
    picked = ", ".join(f"r.{table.columns[number].quoted}" for number in numbers)
    where = f"WHERE {' AND '.join(plan.filters)}" if plan.filters else ""
    return (
        f"INSERT INTO {table.sql} ({names}) OVERRIDING SYSTEM VALUE SELECT {picked}"
        f" FROM ({plan.rows(first, last, changes)} OFFSET 0) r {where}"
        f"{'' if last - first < limit and not plan.sources else ' ORDER BY r.fill_row'} LIMIT {limit} {conflict}"
    )


@contextmanager
def _triggers_off(session: Session, table: Table) -> Iterator[bool]:
    """Switch user triggers off meanwhile, and each back on as it was; False when that is refused."""
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
