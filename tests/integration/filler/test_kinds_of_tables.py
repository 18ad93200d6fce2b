"""Rows for every kind of table; its constraints hold."""

from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.rows import fill
from tests.integration.filler.tables import KINDS, ROWS, count_of, reasons_of, value_of

pytestmark = pytest.mark.one_major

# Only these have fewer rows: their keys have no more values.
FEW = {"public.colors": 4, "public.sizes": 200, "public.small_key": 2}


def test_every_kind_of_table_gets_its_rows(empty: psycopg.Connection[Any]) -> None:
    """Each type, check, key, cycle and partition gets valid rows; a second time adds none; the planner knows them."""
    empty.execute(KINDS)
    filled = fill(empty, ROWS)
    assert reasons_of(filled).keys() == FEW.keys(), reasons_of(filled)
    assert {table: rows for table, rows in filled.tables.items() if rows != ROWS} == FEW
    assert all(count_of(empty, table) >= rows for table, rows in filled.tables.items())
    assert value_of(empty, "SELECT reltuples FROM pg_class WHERE relname = 'checked'") == ROWS
    assert not any(fill(empty, ROWS).tables.values())


def test_constraints_hold_when_they_are_validated_again(empty: psycopg.Connection[Any]) -> None:
    """Checks and foreign keys that are dropped and made again accept every row."""
    empty.execute(KINDS)
    fill(empty, ROWS)
    remade = empty.execute(
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I %s', conrelid::regclass, conname,"
        " pg_get_constraintdef(oid)) FROM pg_constraint WHERE contype IN ('c', 'f') AND conrelid <> 0"
        " AND conparentid = 0 AND coninhcount = 0"
    ).fetchall()
    assert len(remade) > 30
    for (statement,) in remade:
        empty.execute(statement)


def test_rows_of_an_inherited_table_are_its_own(empty: psycopg.Connection[Any]) -> None:
    """A table with children gets rows of its own: those of its children are read through it, and are not in it."""
    empty.execute("CREATE TABLE parents (id int PRIMARY KEY, a int); CREATE TABLE a_child (c int) INHERITS (parents)")
    fill(empty, ROWS)

    counts = empty.execute("SELECT (SELECT count(*) FROM ONLY parents), (SELECT count(*) FROM a_child)").fetchone()
    assert counts == (ROWS, ROWS)


def test_a_table_that_cannot_be_analyzed_is_filled(empty: psycopg.Connection[Any]) -> None:
    """Where Postgres refuses ANALYZE for the function of an index, the table has its rows, and others statistics."""
    empty.execute("""
        CREATE FUNCTION low(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT lower($1) $$;
        CREATE FUNCTION lower_still(text) RETURNS text LANGUAGE plpgsql IMMUTABLE
            AS $$ BEGIN RETURN low($1); END $$;
        CREATE TABLE words (id int PRIMARY KEY, word text);
        CREATE TABLE other (id int PRIMARY KEY, word text);
        CREATE INDEX ON words (lower_still(word));
    """)
    assert fill(empty, ROWS).problems == ()
    assert count_of(empty, "words") >= ROWS
    assert value_of(empty, "SELECT reltuples FROM pg_class WHERE relname = 'other'") >= ROWS
