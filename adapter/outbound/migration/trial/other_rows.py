"""Databases with other rows than usual, for a revision that fails on the usual ones."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg

from adapter.outbound.migration.rows import fill
from adapter.outbound.migration.trial.database import CannotBuildError, Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.postgres.schemas import IN_USER_SCHEMA
from domain.migration.digest import DataDigest
from domain.migration.digest import compare as compare_rows
from domain.migration.history import HistoryEntry
from domain.migration.names import split
from domain.migration.snapshot import SchemaSnapshot, compare

_TABLE_NAMES = f"""
SELECT quote_ident(n.nspname), quote_ident(c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND {IN_USER_SCHEMA}
"""  # noqa: S608 - a constant
_AT_ONCE = 50  # tables that one statement asks for rows
# Statements that empty the columns of JSON and bytes: with NULL where the column allows it. A table with a bytea column
# that is NOT NULL loses all rows, because only the application knows which bytes are valid.
_EMPTY_DOCUMENTS = f"""
SELECT CASE WHEN a.attnotnull AND a.atttypid = 'bytea'::pg_catalog.regtype
    THEN format('DELETE FROM %I.%I', n.nspname, c.relname)
    ELSE format('UPDATE %I.%I SET %I = %s', n.nspname, c.relname, a.attname,
        CASE WHEN a.attnotnull THEN quote_literal('{{}}') ELSE 'NULL' END) END
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {IN_USER_SCHEMA}
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    AND a.atttypid IN ('json'::pg_catalog.regtype, 'jsonb'::pg_catalog.regtype, 'bytea'::pg_catalog.regtype)
ORDER BY c.oid, a.attnum
"""  # noqa: S608 - a constant
# Statements that let rows refer to a parent, and that delete the rows that still do not. A table that refers to itself
# is left alone, because its first rows can have no parent.
_REFERRING = f"""
SELECT format('UPDATE %s SET (%s) = (SELECT %s FROM %s AS parent LIMIT 1) WHERE %s', child, own, keys, parent, lacks),
    format('DELETE FROM %1$s WHERE (%2$s) AND EXISTS (SELECT FROM %1$s WHERE NOT (%2$s))', child, lacks)
FROM (
    SELECT o.oid, o.conrelid::pg_catalog.regclass::text AS child, o.confrelid::pg_catalog.regclass::text AS parent,
        string_agg(quote_ident(a.attname), ', ' ORDER BY place) AS own,
        string_agg('parent.' || quote_ident(b.attname), ', ' ORDER BY place) AS keys,
        string_agg(quote_ident(a.attname) || ' IS NULL', ' OR ') AS lacks
    FROM pg_catalog.pg_constraint o
    JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN ROWS FROM (unnest(o.conkey), unnest(o.confkey)) WITH ORDINALITY AS pair (own, other, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = pair.own
    JOIN pg_catalog.pg_attribute b ON b.attrelid = o.confrelid AND b.attnum = pair.other
    WHERE o.contype = 'f' AND o.conparentid = 0 AND o.conrelid <> o.confrelid AND {IN_USER_SCHEMA}
    GROUP BY o.oid, o.conrelid, o.confrelid HAVING NOT bool_and(a.attnotnull)
) AS keys ORDER BY oid
"""  # noqa: S608 - a constant


def fitting(databases: RevisionDatabases, entry: HistoryEntry) -> Database:
    """Create a database at a revision's parents, with rows that satisfy the constraints of the revision.

    The revision is run without rows, rows are made on the upgraded schema, and the revision is undone. Nothing else of
    what it did may remain, because it would do nothing there when it is traced.

    Raises:
        CannotBuildError: The revision fails without rows, too, or its downgrade does not restore the schema and the
            rows that were there.
    """
    with databases.bare(entry.parents).copy().being_built() as database:
        before, rows_before = database.snapshot(), database.digest()
        database.run_or_fail("upgrade", entry.revision)
        if database.digest() != rows_before and not _takes_rows_back(database, entry, rows_before):
            raise CannotBuildError("the downgrade leaves other rows")
        databases.rows.fill(database)
        database.run_or_fail("undo", entry.revision)
        session = database.session()
        for statement in _invalidations(before, database.snapshot()):
            with suppress(psycopg.Error):  # then the schema differs below
                session.execute(statement.encode())
        if compare(before, database.snapshot(), ignore={"position"}):
            raise CannotBuildError("the downgrade leaves another schema")
    databases.rows.fill(database)
    return database


def _takes_rows_back(upgraded: Database, entry: HistoryEntry, rows_before: DataDigest) -> bool:
    """Return whether the downgrade restores the rows of an upgraded database.

    What an upgrade has already done to rows, it does not do again where it is traced.

    Raises:
        CannotBuildError: The downgrade fails.
    """
    with upgraded.copy() as undone:
        undone.run_or_fail("undo", entry.revision)
        return not compare_rows(rows_before, undone.digest())


def _invalidations(before: SchemaSnapshot, after: SchemaSnapshot) -> Iterator[str]:
    """Return the statements that make constraints NOT VALID again, which an upgrade validated.

    Downgrades cannot do that, or rather, do not. Where such a constraint stayed valid, VALIDATE would do nothing in the
    upgrade that is traced. A NOT NULL is no constraint of the snapshot any more when it is valid.
    """
    for kind, name in sorted(before.objects):
        constraint = before.objects[kind, name]
        if kind != "constraint" or constraint.get("validated") is not False or constraint.get("inherited"):
            continue
        if after.objects.get((kind, name)) != constraint:
            owner, own_name = split(name)
            owner_kind = "TABLE" if ("table", owner) in before.objects else "DOMAIN"
            yield f"ALTER {owner_kind} {owner} DROP CONSTRAINT {own_name}"
            yield f"ALTER {owner_kind} {owner} ADD CONSTRAINT {own_name} {constraint['definition']}"


def without_documents(databases: RevisionDatabases, entry: HistoryEntry) -> Database:
    """Create a database at a revision's parents, with empty columns of JSON and bytes.

    Raises:
        CannotBuildError: It has no such columns, or cannot be created.
    """
    with databases.at(entry.parents).being_built() as database:
        session = database.session()
        changes = session.execute(_EMPTY_DOCUMENTS).fetchall()
        if not changes:
            raise CannotBuildError("it has neither JSON nor bytes")
    for (change,) in changes:
        with suppress(psycopg.Error):  # a constraint refuses the empty value
            session.execute(str(change).encode())
    return database


def without_rows(databases: RevisionDatabases, entry: HistoryEntry) -> Database:
    """Create a database at a revision's parents, with no rows but those that the revisions inserted.

    Raises:
        CannotBuildError: It cannot be created.
    """
    database = databases.bare(entry.parents).copy()
    database.unfilled = dict.fromkeys(_table_names(database), "the revision fails on made-up rows")
    return database


def with_usual_rows(databases: RevisionDatabases, entry: HistoryEntry) -> Database:
    """Create a database at a revision's parents, with rows that have no values at the edges of their types.

    Raises:
        CannotBuildError: It cannot be created.
    """
    database = without_rows(databases, entry)
    filling = fill(database.session(), databases.project.rows, edges=False)
    database.unfilled = {problem.table: problem.reason for problem in filling.problems}
    return database


def with_parents(databases: RevisionDatabases, entry: HistoryEntry) -> Database:
    """Create a database at a revision's parents, with usual rows of which each refers to a parent.

    Raises:
        CannotBuildError: No foreign key lets rows refer to nothing, a table would be empty, or the database cannot be
            created.
    """
    database = with_usual_rows(databases, entry)
    with database.being_built():
        changes = database.session().execute(_REFERRING).fetchall()
        if not changes:
            raise CannotBuildError("every row has its parents")
        filled = _filled_tables(database)
        for statement in (statement for statements in changes for statement in statements):
            with suppress(psycopg.Error):  # a unique key refuses the parent, or other rows refer to the row
                database.session().execute(str(statement).encode())
        if _filled_tables(database) != filled:  # a revision that fails on any row would succeed without rows
            raise CannotBuildError("a table would be empty")
    return database


def _table_names(database: Database) -> list[str]:
    """Return the qualified names of all tables, in quotes where SQL needs them."""
    return [f"{schema}.{name}" for schema, name in database.session().execute(_TABLE_NAMES).fetchall()]


def _filled_tables(database: Database) -> set[str]:
    """Return the tables that have rows; many tables are asked in one statement."""
    tables = _table_names(database)
    filled: set[str] = set()
    for start in range(0, len(tables), _AT_ONCE):
        some = tables[start : start + _AT_ONCE]
        probes = (f"(SELECT {place} FROM {table} LIMIT 1)" for place, table in enumerate(some))  # noqa: S608 - names
        places = database.session().execute(" UNION ALL ".join(probes).encode()).fetchall()
        filled |= {some[place] for (place,) in places}
    return filled
