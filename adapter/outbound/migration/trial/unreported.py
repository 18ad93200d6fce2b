"""Finds what the server says has changed although no reported statement did it.

The agent reports the statements that SQLAlchemy and the drivers execute in its process. What a revision does on another
way, such as a program that it starts or a driver written in C, is not reported. It shows in the catalog and in the
versions of rows.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import psycopg

from adapter.outbound.migration.catalog.foreign_tables import mixed_tables
from adapter.outbound.migration.catalog.written_rows import NOT_COUNTED, RowCounts, count_again, next_transaction
from adapter.outbound.migration.project.results import AgentRun
from adapter.outbound.migration.project.version_table import NOT_VERSION_TABLE
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.digest import TableDigest
from domain.migration.trace import StatementTrace, UnreportedChange

# Kinds and names as the agent reports them. `sub` is the number of a column, `file` that of a relation's file. The
# objects of a table are one text, because most tables have the same as before.
_TABLES = f"""
WITH tables AS MATERIALIZED (
    SELECT c.*, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm') AND {IN_USER_SCHEMA}
       AND {NOT_VERSION_TABLE}
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
), objects (catalog, oid, sub, owner, kind, name, file, properties) AS (
SELECT 'table', t.oid::int8, 0, t.oid::int8,
       CASE t.relkind WHEN 'm' THEN 'materialized view' ELSE 'table' END, t.name, t.relfilenode::int8,
       row(t.relpersistence, t.relrowsecurity, t.relforcerowsecurity)::text
  FROM tables t
UNION ALL
SELECT 'column', t.oid::int8, a.attnum, t.oid::int8, 'table column', t.name || '.' || pg_catalog.quote_ident(a.attname),
       0, row(a.atttypid, a.atttypmod, a.attnotnull)::text
  FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE t.relkind <> 'm'
UNION ALL
SELECT 'index', c.oid::int8, 0, t.oid::int8, 'index', pg_catalog.format('%I.%I', n.nspname, c.relname),
       c.relfilenode::int8, i.indisvalid::text
  FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT 'constraint', o.oid::int8, 0, t.oid::int8, 'table constraint',
       pg_catalog.quote_ident(o.conname) || ' on ' || t.name, 0, o.convalidated::text
  FROM tables t JOIN pg_catalog.pg_constraint o ON o.conrelid = t.oid
UNION ALL
SELECT 'trigger', g.oid::int8, 0, t.oid::int8, 'trigger', pg_catalog.quote_ident(g.tgname) || ' on ' || t.name, 0,
       g.tgenabled::text
  FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
)
SELECT o.owner, min(o.kind) FILTER (WHERE o.catalog = 'table'), min(o.name) FILTER (WHERE o.catalog = 'table'),
       min(o.file) FILTER (WHERE o.catalog = 'table'),
       pg_catalog.json_agg(pg_catalog.json_build_array(o.catalog, o.oid, o.sub, o.owner, o.kind, o.name, o.file,
                                                       o.properties) ORDER BY o.catalog, o.oid, o.sub)::text
  FROM objects o GROUP BY o.owner
"""  # noqa: S608 - a constant
_SEQUENCES = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.pg_sequence_last_value(q.seqrelid)
  FROM pg_catalog.pg_sequence q JOIN pg_catalog.pg_class c ON c.oid = q.seqrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relpersistence <> 't'
"""


class _Table(NamedTuple):
    """A table or a materialized view, with all of its objects as JSON."""

    kind: str
    name: str
    file: int
    objects: str


class _Object(NamedTuple):
    """An object of a table: the table itself, a column, an index, a constraint or a trigger."""

    table: int  # OID of its table
    kind: str
    name: str
    file: int
    properties: str


_Objects: TypeAlias = Mapping[tuple[str, int, int], _Object]  # by catalog, OID and number of a column


class _Rows(NamedTuple):
    """The number of rows of a table, and how many of them were written since a transaction."""

    all: int
    written: int


@dataclass(frozen=True)
class ServerState:
    """What the server says of the tables of a database.

    Attributes:
        following: Number of the next transaction.
        tables: Tables and materialized views, by OID.
        rows: Numbers of rows, by OID of the table.
        sequences: Last value of each sequence, by its name; None for one that has given none.
    """

    following: int
    tables: Mapping[int, _Table]
    rows: Mapping[int, _Rows]
    sequences: Mapping[str, int | None]

    def drawn(self, after: "ServerState") -> tuple[str, ...]:
        """Return the sequences of which numbers were drawn up to a later state."""
        return tuple(sorted(name for name, last in self.sequences.items() if after.sequences.get(name, last) != last))

    def changed_tables(self, after: "ServerState") -> set[int]:
        """Return the OIDs of the tables of which rows were written or deleted up to a later state."""
        return {oid for oid, rows in after.rows.items() if rows.written or rows.all < self.rows.get(oid, rows).all}


def read_server_state(session: psycopg.Connection[Any], digests: Mapping[str, TableDigest]) -> ServerState:
    """Return what the server says of the tables of a database.

    Args:
        session: An autocommit session in it.
        digests: The digests of its tables, whose rows are not counted once more, by qualified name.
    """
    state = _read_tables(session)
    tables = _counted(session, state)
    # a partitioned table has no file and no rows of its own
    known = {
        oid: _Rows(digests[item.name].rows, 0) for oid, item in tables.items() if item.file and item.name in digests
    }
    others = {oid: item for oid, item in tables.items() if oid not in known}
    return replace(state, rows={**_count(session, others, state.following, NOT_COUNTED), **known})


def read_changed_state(
    session: psycopg.Connection[Any], since: ServerState, counts: RowCounts = NOT_COUNTED
) -> ServerState:
    """Return what the server says of the tables of a database, with the rows that were written since an earlier state.

    Args:
        session: An autocommit session in it.
        since: The earlier state.
        counts: The rows that its tables have now.
    """
    state = _read_tables(session)
    return replace(state, rows=_count(session, _counted(session, state), since.following, counts))


def _read_tables(session: psycopg.Connection[Any]) -> ServerState:
    following = next_transaction(session)
    tables = {oid: _Table(*rest) for oid, *rest in session.execute(_TABLES.encode())}
    sequences = {str(name): last for name, last in session.execute(_SEQUENCES.encode())}
    return ServerState(following, tables, {}, sequences)


def _counted(session: psycopg.Connection[Any], state: ServerState) -> dict[int, _Table]:
    """Return the tables whose own rows are counted, by OID."""
    mixed = mixed_tables(session)
    return {oid: table for oid, table in state.tables.items() if table.kind == "table" and oid not in mixed}


def _count(
    session: psycopg.Connection[Any], tables: Mapping[int, _Table], first: int, counts: RowCounts
) -> dict[int, _Rows]:
    rows = count_again(session, counts, {oid: f"ONLY {item.name} t" for oid, item in tables.items()}, first)
    return {oid: _Rows(*numbers) for oid, numbers in rows.items()}


def unseen_work(run: AgentRun, tables: Collection[str]) -> Iterator[UnreportedChange]:
    """Return what a function did past its statements: locks on tables that existed before, and sessions of others."""
    for table, mode in run.unseen_locks.items():
        if table in tables:
            yield UnreportedChange(table, f"table {table} was locked ({mode.sql})")
    if run.unseen_sessions:
        number = "a session" if run.unseen_sessions == 1 else f"{run.unseen_sessions} sessions"
        yield UnreportedChange("", f"{number} of another program worked in the database")


def unreported_changes(
    before: ServerState, after: ServerState, statements: Sequence[StatementTrace]
) -> tuple[UnreportedChange, ...]:
    """Return what changed between two states that no statement reported.

    Args:
        before: The state before the statements.
        after: The state after them.
        statements: The reported statements.
    """
    tables = {oid: table.name for oid, table in before.tables.items()}
    earlier, later = _differing_objects(before, after), _differing_objects(after, before)
    changes = [*_rewrites(tables, earlier, later, statements), *_writes(tables, before, after, statements)]
    if not _has_renames(earlier, later, statements):
        changes += _altered(tables, earlier, later, after.tables.keys(), statements)
    return tuple(dict.fromkeys(changes))


def _differing_objects(state: ServerState, other: ServerState) -> _Objects:
    """Return the objects of the tables that are not the same in another state."""
    texts = [
        table.objects for oid, table in state.tables.items() if oid not in other.tables or other.tables[oid] != table
    ]
    return {(catalog, oid, sub): _Object(*rest) for text in texts for catalog, oid, sub, *rest in json.loads(text)}


def _rewrites(
    tables: Mapping[int, str], earlier: _Objects, later: _Objects, statements: Sequence[StatementTrace]
) -> Iterator[UnreportedChange]:
    reported = {name for statement in statements for name in statement.rewritten}
    for key, item in earlier.items():
        if item.file and later.get(key, item).file != item.file and item.name not in reported:
            yield UnreportedChange(tables[item.table], f"{item.kind} {item.name} was rewritten")


def _writes(
    tables: Mapping[int, str], before: ServerState, after: ServerState, statements: Sequence[StatementTrace]
) -> Iterator[UnreportedChange]:
    rewritten = {name for statement in statements for name in statement.rewritten}
    # rows of another table that has the name later are reported by this name, too
    taken_names = {item.name for statement in statements for item in statement.created}
    taken_names |= {table.name for oid, table in after.tables.items() if oid not in tables}
    for oid, name in tables.items():
        if name in rewritten or oid not in before.rows or oid not in after.rows:
            continue
        counts = [statement.rows[name] for statement in statements if name in statement.rows]
        unreported = after.rows[oid].written - sum(count.inserted + count.updated for count in counts)
        deleted_rows = (
            before.rows[oid].all - after.rows[oid].all + sum(count.inserted - count.deleted for count in counts)
        )
        if unreported > 0:
            yield UnreportedChange(name, f"rows of table {name} were written")
        elif deleted_rows > 0 and name not in taken_names:
            yield UnreportedChange(name, f"rows of table {name} were deleted")


def _altered(
    tables: Mapping[int, str],
    earlier: _Objects,
    later: _Objects,
    tables_after: Collection[int],
    statements: Sequence[StatementTrace],
) -> Iterator[UnreportedChange]:
    """Return the objects of tables that exist before which were created, altered or dropped by no statement."""
    reported = {
        (item.kind, item.name)
        for statement in statements
        for item in (*statement.created, *statement.altered, *statement.dropped)
    }
    reported_tables = {name for kind, name in reported if kind in {"table", "materialized view"}}
    for key in sorted({*earlier, *later}):
        old, new = earlier.get(key), later.get(key)
        item = old or new
        if item is None or item.table not in tables or tables[item.table] in reported_tables:
            continue
        is_part_of_dropped = key[0] != "table" and item.table not in tables_after
        if is_part_of_dropped or (item.kind, item.name) in reported:
            continue
        if old is None or new is None:
            done = "created" if old is None else "dropped"
        elif old.properties != new.properties:
            done = "altered"
        else:
            continue
        yield UnreportedChange(tables[item.table], f"{item.kind.removeprefix('table ')} {item.name} was {done}")


def _has_renames(earlier: _Objects, later: _Objects, statements: Sequence[StatementTrace]) -> bool:
    """Return whether objects were renamed, so that statements may have reported them by several names."""
    if any(statement.renamed for statement in statements):
        return True
    return any(key in later and later[key].name != item.name for key, item in earlier.items())
