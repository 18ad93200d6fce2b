"""Finds the tables whose generated rows are not what they would be if they were made now, and takes these out.

The rows of a table depend on its description and that of its sequences, on the rows and numbers that revisions left,
and on the keys of the tables that its foreign keys refer to. The server says what has changed; see `versions`. Where
code of the user's takes part, in triggers and the like, that says too little.
"""
# ruff: noqa: S608 - the server quoted the names

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import psycopg

from adapter.outbound.migration.project.version_table import NOT_VERSION_TABLE
from adapter.outbound.migration.traffic.versions import Versions

Session = psycopg.Connection[Any]

KeyDigests: TypeAlias = Mapping[tuple[int, tuple[int, ...]], tuple[int, object]]
"""By OID of a table and numbers of columns: the number of rows, and the sum of the hashes of these columns."""

_PLAIN = {"r", "S", "v"}  # kinds of relations: tables, sequences and views
_UNUSUAL = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) OR EXISTS (SELECT FROM pg_catalog.pg_statistic_ext)
    OR EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
                WHERE c.relkind = 'r')
"""
_VERSION_TABLES = f"""
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE NOT ({NOT_VERSION_TABLE})
"""
# Tables, and the sequences that belong to their columns, or from which defaults draw.
_DRAWN = """
SELECT d.refobjid::int8, d.objid::int8
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_sequence q ON q.seqrelid = d.objid
 WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
 UNION
SELECT f.adrelid::int8, d.refobjid::int8
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
  JOIN pg_catalog.pg_sequence q ON q.seqrelid = d.refobjid
 WHERE d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
"""
# Foreign keys: the table, the table and the columns that it refers to, and the query for the digest of these.
_KEYS = """
SELECT format('%I.%I', cn.nspname, c.relname), format('%I.%I', n.nspname, p.relname),
       k.confrelid::int8, k.confkey::int[],
       format('SELECT %s::int8, %L::int[], count(*), sum(pg_catalog.hashtextextended(ROW(%s)::text, 0))'
              ' FROM ONLY %I.%I t', k.confrelid::int8, k.confkey::int[], columns.names, n.nspname, p.relname)
  FROM pg_catalog.pg_constraint k
  JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
  JOIN pg_catalog.pg_class p ON p.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
 CROSS JOIN LATERAL (
       SELECT string_agg(format('t.%I', a.attname), ', ' ORDER BY u.place) AS names
         FROM unnest(k.confkey) WITH ORDINALITY AS u (number, place)
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number) AS columns
 WHERE k.contype = 'f'
"""


class UnclearError(Exception):
    """An error that says that nobody knows whether rows are what they would be if they were made now."""


def stale_tables(session: Session, bare: tuple[Versions, Versions], filled: tuple[Versions, Versions]) -> set[str]:
    """Return the names of the tables whose rows depend on anything that has changed.

    The keys of the tables that their foreign keys refer to are not considered; see `tables_of_other_keys`.

    Args:
        session: An autocommit session in the database with generated rows.
        bare: What was in the database without generated rows when those rows were made, and what is in it now.
        filled: What was in the database with the rows then, and what is in it now.

    Raises:
        UnclearError: That cannot be found out.
    """
    now = filled[1]
    if not is_plain(session, now):
        raise UnclearError("what a new revision has created")
    changed = {item for before, after in (bare, filled) for item in _changed(before, after)}
    names = {oid: item.name for oid, item in now.relations.items()}
    drawn = [(names[table], names[sequence]) for table, sequence in session.execute(_DRAWN) if table in names]
    sequences = {name for name, kind in changed if kind == "S"}
    stale = {name for name, kind in changed if kind == "r"} - {name for (name,) in session.execute(_VERSION_TABLES)}
    stale |= {table for table, sequence in drawn if sequence in sequences}
    drawn_by_stale = {sequence for table, sequence in drawn if table in stale}
    if sequences - drawn_by_stale or any(
        sequence in drawn_by_stale and table not in stale for table, sequence in drawn
    ):
        raise UnclearError("a sequence of no table, or of several")
    return stale


def is_plain(session: Session, versions: Versions) -> bool:
    """Return whether all that a database has is plain tables, sequences and views, without code of the user's.

    Args:
        session: A session in the database.
        versions: What is in it now.
    """
    kinds = {item.kind for item in versions.relations.values()}
    return not versions.opaque and kinds <= _PLAIN and session.execute(_UNUSUAL).fetchone() == (False,)


def _changed(before: Versions, after: Versions) -> Iterator[tuple[str, str]]:
    """Return the relations that have changed and are still there, by their present name and their kind."""
    oids = before.changed(after)
    if oids is None:
        raise UnclearError("functions, types or settings have changed")
    return ((after.relations[oid].name, after.relations[oid].kind) for oid in oids if oid in after.relations)


def descendants(session: Session, tables: Iterable[str]) -> Mapping[str, set[str]]:
    """Return for each of some tables those that depend on it by their foreign keys, directly or through others."""
    children: dict[str, set[str]] = {}
    for child, parent, *_ in session.execute(_KEYS):
        if child != parent:
            children.setdefault(parent, set()).add(child)
    return {table: _reached(table, children) for table in tables}


def _reached(table: str, children: Mapping[str, set[str]]) -> set[str]:
    reached, waiting = set[str](), [*children.get(table, ())]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += children.get(name, ())
    return reached


def empty_tables(session: Session, bare: Session, tables: Collection[str]) -> None:
    """Give tables and their sequences the rows and numbers that they have in the database without generated rows.

    Args:
        session: An autocommit session of a superuser in the database with generated rows.
        bare: A session in the database without them, which has the same schema.
        tables: The names of the tables.
    """
    if not tables:
        return
    with session.transaction():
        session.execute("SET LOCAL session_replication_role = replica")  # other rows may refer to those that go
        for table in sorted(tables):
            session.execute(f"DELETE FROM ONLY {table}".encode())
    session.execute(f"VACUUM (FULL) {', '.join(sorted(tables))}".encode())
    with session.transaction():
        session.execute(f"DELETE FROM pg_catalog.pg_statistic WHERE starelid IN ({_OIDS})".encode(), (sorted(tables),))
        for name, *numbers in bare.execute(_STATISTICS.encode(), (sorted(tables),)).fetchall():
            session.execute(_SET_STATISTICS, (*numbers, name))
        session.execute("SET LOCAL session_replication_role = replica")
        for table in sorted(tables):
            _copy_rows(bare, session, table)
    for (sequence,) in session.execute(_SEQUENCES_OF, (sorted(tables),)).fetchall():
        row = bare.execute(f"SELECT last_value, is_called FROM {sequence}".encode()).fetchone()
        session.execute("SELECT pg_catalog.setval(%s::regclass, %s, %s)", (sequence, *(row or ())))


_OIDS = "SELECT name::pg_catalog.regclass::oid FROM unnest(%s::text[]) AS t (name)"
_SEQUENCES_OF = f"""
SELECT DISTINCT format('%%I.%%I', n.nspname, c.relname) FROM ({_DRAWN}) AS s (relation, drawn)
  JOIN pg_catalog.pg_class c ON c.oid = s.drawn::oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE s.relation::oid IN ({_OIDS})
"""
_STATISTICS = f"""
SELECT format('%%I.%%I', n.nspname, c.relname), c.reltuples, c.relpages, c.relallvisible
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
 WHERE coalesce(i.indrelid, c.oid) IN ({_OIDS})
"""
_SET_STATISTICS = """
UPDATE pg_catalog.pg_class SET reltuples = %s, relpages = %s, relallvisible = %s WHERE oid = %s::pg_catalog.regclass
"""


def _copy_rows(source: Session, target: Session, table: str) -> None:
    with (
        source.cursor().copy(f"COPY {table} TO STDOUT".encode()) as rows,
        target.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copied,
    ):
        for block in rows:
            copied.write(block)


def read_keys(session: Session) -> KeyDigests:
    """Return the digests of the keys that foreign keys refer to."""
    queries = {query for *_, query in session.execute(_KEYS)}
    if not queries:
        return {}
    rows = session.execute(" UNION ALL ".join(sorted(queries)).encode())
    return {(oid, tuple(numbers)): (count, total) for oid, numbers, count, total in rows}


def tables_of_other_keys(session: Session, kept: Collection[str], before: KeyDigests, now: KeyDigests) -> set[str]:
    """Return the tables that refer to other keys than before, and those that depend on these by their foreign keys.

    Args:
        session: A session in the database.
        kept: The names of the tables whose rows were not made anew.
        before: The keys when the kept rows were made.
        now: The keys now.
    """
    keys = session.execute(_KEYS).fetchall()
    tables = {
        child
        for child, _, oid, numbers, _ in keys
        if child in kept and before.get((oid, tuple(numbers))) != now.get((oid, tuple(numbers)))
    }
    return tables.union(*descendants(session, tables).values())
