"""How tables are filled: the same way again, quickly, and beside rows that are there."""

from typing import Any, LiteralString

import psycopg
import pytest

from adapter.outbound.migration.rows import Filled, FillProblem, fill
from domain.migration.statistics import NO_ROOM
from tests.integration.filler.tables import ROWS, count_of, reasons_of, value_of

pytestmark = pytest.mark.one_major


def test_the_same_schema_gets_the_same_rows(empty: psycopg.Connection[Any]) -> None:
    """Nothing is random: emptied and filled again, a table holds what it held."""
    empty.execute("CREATE EXTENSION vector")
    empty.execute("CREATE TABLE t (id int PRIMARY KEY, v vector(16) NOT NULL, w text, x timestamptz, y jsonb, z uuid)")
    digest: LiteralString = "SELECT md5(string_agg(t::text, ' ' ORDER BY id)) FROM t"
    fill(empty, ROWS)
    before = value_of(empty, digest)
    empty.execute("TRUNCATE t")
    fill(empty, ROWS)
    assert value_of(empty, digest) == before


def test_own_schema_is_filled(migrated_url: str) -> None:
    """Every table of this project's head has rows afterwards, and Alembic's own table is left alone."""
    with psycopg.connect(migrated_url) as connection:
        version = value_of(connection, "SELECT version_num FROM alembic_version")
        filled = fill(connection, ROWS)
        assert filled.problems == ()
        names = connection.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
            " AND NOT relispartition AND relname <> 'alembic_version'"
        ).fetchall()
        assert len(names) > 5
        assert all(count_of(connection, name) >= ROWS for (name,) in names)
        assert value_of(connection, "SELECT version_num FROM alembic_version") == version


def test_what_cannot_be_filled_is_named(empty: psycopg.Connection[Any]) -> None:
    """Tables that take no row are reported with the reason, and those that need them; the others are filled."""
    empty.execute("""
        CREATE TABLE never (id int PRIMARY KEY, CHECK (false));
        CREATE TABLE needs_never (id serial PRIMARY KEY, never_id int NOT NULL REFERENCES never);
        CREATE TABLE may_need_never (id serial PRIMARY KEY, never_id int REFERENCES never);
        CREATE TABLE no_value (v int NOT NULL CONSTRAINT odd CHECK (v > 5 AND v < 5));
        CREATE TABLE no_partition (v int) PARTITION BY LIST (v);
        CREATE TABLE fine (id int PRIMARY KEY)
    """)
    filled = fill(empty, ROWS)
    reasons = reasons_of(filled)
    assert set(reasons) == {"public.never", "public.needs_never", "public.no_value", "public.no_partition"}
    assert "never_check" in reasons["public.never"]
    assert reasons["public.needs_never"].endswith("public.never has no rows to refer to")
    assert "odd" in reasons["public.no_value"]
    assert reasons["public.no_partition"] == "it has no partitions"
    assert filled.tables["public.fine"] == filled.tables["public.may_need_never"] == ROWS
    assert FillProblem("public.never", reasons["public.never"]) in filled.problems


def test_triggers_run_or_are_switched_off_for_the_fill(empty: psycopg.Connection[Any]) -> None:
    """A trigger that works is used; one that refuses rows is off for the fill and then on in the mode it was."""
    empty.execute("""
        CREATE TABLE kept (id int PRIMARY KEY, note text);
        CREATE TABLE log (id int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO log VALUES (NEW.id); NEW.note := ''noted''; RETURN NEW; END';
        CREATE TRIGGER noting BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION note();
        CREATE TABLE refused (id int PRIMARY KEY);
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
        CREATE TRIGGER refusing BEFORE INSERT ON refused FOR EACH ROW EXECUTE FUNCTION refuse();
        ALTER TABLE refused ENABLE ALWAYS TRIGGER refusing;
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert value_of(empty, "SELECT count(*) FROM kept WHERE note = 'noted'") == ROWS
    assert count_of(empty, "public.log") >= ROWS
    assert value_of(empty, "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'refusing'") == "A"


def test_indexes_are_whole_after_a_large_fill(empty: psycopg.Connection[Any]) -> None:
    """Indexes that are built after the rows are valid and hold all of them; an invalid one stays as it was."""
    empty.execute("""
        CREATE EXTENSION vector;
        CREATE TABLE parent (id int PRIMARY KEY);
        CREATE TABLE t (id serial PRIMARY KEY, parent_id int REFERENCES parent, v vector(3), w text);
        CREATE INDEX by_parent ON t (parent_id);
        CREATE INDEX by_word ON t (lower(w));
        CREATE INDEX near ON t USING hnsw (v vector_l2_ops);
        CREATE INDEX broken ON t (w);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass
    """)
    rows = 6_000
    filled = fill(empty, rows, {"public.t"})
    assert filled.problems == ()
    assert filled.tables == {"public.parent": 2_000, "public.t": rows}
    invalid = "SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index WHERE NOT (indisvalid AND indisready)"
    assert value_of(empty, invalid) == "broken"
    assert value_of(empty, "SELECT reltuples FROM pg_class WHERE relname = 'by_word'") == rows
    empty.execute("SET enable_seqscan = off")
    assert value_of(empty, "SELECT count(*) FROM t WHERE lower(w) = 'value-5950'") == 1
    assert value_of(empty, "SELECT current_setting('session_replication_role')") == "origin"


def test_rows_that_lack_a_parent_are_refused_in_the_quick_way_too(empty: psycopg.Connection[Any]) -> None:
    """A foreign key on a partition of the parents, or one of rows that were there, is looked at; none is broken."""
    empty.execute("""
        CREATE TABLE parent (id int NOT NULL, kind int NOT NULL, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
        CREATE TABLE parent_1 PARTITION OF parent FOR VALUES IN (1);
        CREATE TABLE parent_2 PARTITION OF parent FOR VALUES IN (2);
        CREATE TABLE child (id serial PRIMARY KEY, parent_id int NOT NULL, kind int NOT NULL);
        ALTER TABLE child ADD FOREIGN KEY (parent_id, kind) REFERENCES parent_2 (id, kind);
        ALTER TABLE child ADD FOREIGN KEY (parent_id, kind) REFERENCES parent (id, kind);
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    orphans = "SELECT count(*) FROM child c WHERE NOT EXISTS (SELECT FROM parent_2 p WHERE p.id = c.parent_id)"
    assert value_of(empty, orphans) == 0


def test_a_full_database_is_only_counted(migrated_url: str) -> None:
    """The second fill neither reads the whole catalog nor analyzes: it asks two questions."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        fill(connection, ROWS)
        connection.execute("CREATE TEMP TABLE dummy ()")
        assert fill(connection, ROWS) == Filled({}, ())
        assert fill(connection, ROWS, {"public.users"}) == Filled({}, ())


def test_rows_that_are_there_stay(empty: psycopg.Connection[Any]) -> None:
    """A table is filled up around its rows; one that has enough is not touched."""
    empty.execute("""
        CREATE TABLE part_one (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
        INSERT INTO part_one (name) VALUES ('value-17'), ('mine');
        CREATE TABLE full_one AS SELECT generate_series(1, 300) AS v;
        ALTER TABLE full_one ADD CHECK (v < 301)
    """)
    filled = fill(empty, ROWS)
    assert filled.problems == ()
    assert filled.tables == {"public.part_one": ROWS - 2}
    assert value_of(empty, "SELECT count(*) FROM part_one WHERE name IN ('value-17', 'mine')") == 2


def test_only_what_the_catalog_proves_is_small(empty: psycopg.Connection[Any]) -> None:
    """A table is small by nature where its keys allow few values, and not where no further value was found."""
    empty.execute("""
        CREATE TYPE mood AS ENUM ('a', 'b', 'c');
        CREATE SCHEMA small; CREATE SCHEMA open;
        CREATE TABLE small.one (id int PRIMARY KEY CHECK (id = 1), n int);
        CREATE TABLE small.serial (id serial PRIMARY KEY, v int NOT NULL, CONSTRAINT single CHECK (id = 1));
        CREATE TABLE small.range (id int CHECK (id BETWEEN 1 AND 5) UNIQUE NOT NULL, n int);
        CREATE TABLE small.above (id smallint PRIMARY KEY CHECK (id > 0 AND id < 10), n int);
        CREATE TABLE small.list (id bigint PRIMARY KEY CHECK (id IN (1, 2, 1000000)), n int);
        CREATE TABLE small.words (k varchar(20) PRIMARY KEY CHECK (k IN ('mail', 'web')), n int);
        CREATE TABLE small.flag (only_one bool PRIMARY KEY DEFAULT true CHECK (only_one), n int);
        CREATE TABLE small.enum (m mood, f bool, n int, PRIMARY KEY (m, f));
        CREATE TABLE small.child (id int PRIMARY KEY REFERENCES small.range (id), n int);
        CREATE TABLE small.constant (v text);
        CREATE UNIQUE INDEX ON small.constant ((1));
        CREATE TABLE small.truth (id serial, v text);
        CREATE UNIQUE INDEX ON small.truth ((id IS NOT NULL));
        CREATE TABLE open.modulo (id int PRIMARY KEY CHECK (id % 1000000000 = 7), n int);
        CREATE TABLE open.nullable (id int UNIQUE CHECK (id = 1), v int UNIQUE CHECK (v + v = 8));
        CREATE TABLE open.partial (id int NOT NULL, v int NOT NULL CHECK (v + v = 8) UNIQUE);
        CREATE UNIQUE INDEX ON open.partial ((1)) WHERE id = 2;
        CREATE TABLE open.week (starts date NOT NULL UNIQUE, ends date NOT NULL, CHECK (ends = starts + 7));
        CREATE TABLE open.book (s timestamptz NOT NULL DEFAULT now(), EXCLUDE USING gist (tstzrange(s, s) WITH =));
        CREATE TABLE open.far (id int PRIMARY KEY CHECK (id BETWEEN 1 AND 1000000 AND id * 7919 % 1000000 < 2));
        CREATE TABLE open.upper (k text PRIMARY KEY CHECK (k || k = 'aa'), n int);
        CREATE TABLE open.parted (id int PRIMARY KEY CHECK (id = 1)) PARTITION BY LIST (id);
        CREATE TABLE open.parted_1 PARTITION OF open.parted FOR VALUES IN (1);
    """)
    small = {problem.table for problem in fill(empty, ROWS).problems if NO_ROOM in problem.reason}
    tables = empty.execute("SELECT relnamespace::regnamespace || '.' || relname FROM pg_class WHERE relkind = 'r'")
    names = {str(name) for (name,) in tables}

    assert small == {name for name in names if name.startswith("small.")}
