"""Operations, and the locks, rewrites and scans that Postgres was measured to have for each."""

from dataclasses import dataclass, field

ROWS = 500
SHARE_UPDATE = "SHARE UPDATE EXCLUSIVE"
SHARE_ROW = "SHARE ROW EXCLUSIVE"
ACCESS = "ACCESS EXCLUSIVE"


@dataclass(frozen=True)
class Case:
    """An operation and what Postgres does in it.

    Attributes:
        name: Names it in the test's report, and its revision.
        sql: Statements; the last one is the operation, those before prepare it, in revisions of their own.
        locks: Strongest mode per table that was there before, without the schema; ACCESS SHARE left out.
        rewritten: Tables that got another file.
        scanned: Tables that were read from end to end.
        rows: Rows written, per table.
        indexes: Indexes built.
        autocommit: It runs outside a transaction.
        python: Body of `upgrade()` in the place of the last statement.
        since: The first major version that has it.
    """

    name: str
    sql: tuple[str, ...]
    locks: dict[str, str] = field(default_factory=dict)
    rewritten: tuple[str, ...] = ()
    scanned: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()
    autocommit: bool = False
    python: str | None = None
    since: int = 16


TABLES = f"""
CREATE EXTENSION vector;
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE TABLE p (id int PRIMARY KEY, name text);
CREATE TABLE t (id int PRIMARY KEY, n int, m int, v varchar(50), txt text, num numeric(10,2), ts timestamp, p_id int,
    filled int, checked int, gone int, other int);
CREATE INDEX t_v ON t (v);
CREATE TABLE e (id int PRIMARY KEY, emb vector(8));
CREATE TABLE pt (id int, k int) PARTITION BY RANGE (k);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM (0) TO (100);
CREATE TABLE pd PARTITION OF pt DEFAULT;
CREATE TABLE q (id int, k int);
CREATE TABLE empty_after (id int PRIMARY KEY);
CREATE VIEW vw AS SELECT id FROM p;
INSERT INTO p SELECT g, 'p' || g FROM generate_series(1, {ROWS}) g;
INSERT INTO t SELECT g, g, g, 'v' || g, 't' || g, g, now(), g, g, g, g, g FROM generate_series(1, {ROWS}) g;
INSERT INTO e SELECT g, ('[' || g || ',2,3,4,5,6,7,8]')::vector FROM generate_series(1, {ROWS}) g;
INSERT INTO pt SELECT g, g % 100 FROM generate_series(1, {ROWS}) g;
INSERT INTO pd SELECT g, 5000 FROM generate_series(1, {ROWS}) g;
INSERT INTO q SELECT g, 1000 FROM generate_series(1, {ROWS}) g;
INSERT INTO empty_after SELECT g FROM generate_series(1, {ROWS}) g;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
"""
CASES = (
    Case("add_nullable", ("ALTER TABLE t ADD a1 int",), {"t": ACCESS}),
    Case("add_constant_default", ("ALTER TABLE t ADD a2 int NOT NULL DEFAULT 5",), {"t": ACCESS}),
    Case("add_stable_default", ("ALTER TABLE t ADD a3 timestamptz DEFAULT now()",), {"t": ACCESS}),
    Case(
        "add_volatile_default",
        ("ALTER TABLE t ADD a4 timestamptz DEFAULT clock_timestamp()",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case(
        "add_identity",
        ("ALTER TABLE t ADD a5 int GENERATED ALWAYS AS IDENTITY",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case(
        "add_stored_generated",
        ("ALTER TABLE t ADD a6 int GENERATED ALWAYS AS (id * 2) STORED",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case("add_virtual_generated", ("ALTER TABLE t ADD a7 int GENERATED ALWAYS AS (id * 2)",), {"t": ACCESS}, since=18),
    Case("add_with_check", ("ALTER TABLE t ADD a8 int CHECK (a8 > 0)",), {"t": ACCESS}, scanned=("t",)),
    Case("add_references", ("ALTER TABLE t ADD a9 int REFERENCES p",), {"t": ACCESS, "p": SHARE_ROW}),
    Case(
        "add_unique_column",
        ("ALTER TABLE t ADD a10 int UNIQUE",),
        {"t": ACCESS},
        scanned=("t",),
        indexes=("t_a10_key",),
    ),
    Case("set_not_null", ("ALTER TABLE t ALTER n SET NOT NULL",), {"t": ACCESS}, scanned=("t",)),
    Case(
        "set_not_null_with_check",
        (
            "ALTER TABLE t ADD CONSTRAINT c_checked CHECK (checked IS NOT NULL)",
            "ALTER TABLE t ALTER checked SET NOT NULL",
        ),
        {"t": ACCESS},
    ),
    Case("drop_not_null", ("ALTER TABLE t ALTER n DROP NOT NULL",), {"t": ACCESS}),
    Case("set_default", ("ALTER TABLE t ALTER n SET DEFAULT 3",), {"t": ACCESS}),
    Case("set_statistics", ("ALTER TABLE t ALTER n SET STATISTICS 200",), {"t": SHARE_UPDATE}),
    Case(
        "type_int_to_bigint",
        ("ALTER TABLE t ALTER m TYPE bigint",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
        indexes=(),
    ),
    Case("type_varchar_wider", ("ALTER TABLE t ALTER v TYPE varchar(100)",), {"t": ACCESS}),
    Case("type_varchar_to_text", ("ALTER TABLE t ALTER v TYPE text",), {"t": ACCESS}),
    Case("type_numeric_precision", ("ALTER TABLE t ALTER num TYPE numeric(12,2)",), {"t": ACCESS}),
    Case(
        "type_numeric_scale",
        ("ALTER TABLE t ALTER num TYPE numeric(14,4)",),
        {"t": ACCESS},
        rewritten=("t",),
        scanned=("t",),
    ),
    Case(
        "collation_of_an_indexed_column",
        ('ALTER TABLE t ALTER v TYPE text COLLATE "C"',),
        {"t": ACCESS},
        scanned=("t",),
        indexes=("t_v",),
    ),
    Case("add_check", ("ALTER TABLE t ADD CONSTRAINT c1 CHECK (n > 0)",), {"t": ACCESS}, scanned=("t",)),
    Case("add_check_not_valid", ("ALTER TABLE t ADD CONSTRAINT c2 CHECK (n > 0) NOT VALID",), {"t": ACCESS}),
    Case("validate_check", ("ALTER TABLE t VALIDATE CONSTRAINT c2",), {"t": SHARE_UPDATE}, scanned=("t",)),
    Case(
        "add_foreign_key",
        ("ALTER TABLE t ADD CONSTRAINT f1 FOREIGN KEY (p_id) REFERENCES p",),
        {"t": SHARE_ROW, "p": SHARE_ROW},
        scanned=("p", "t"),
    ),
    Case(
        "add_foreign_key_not_valid",
        ("ALTER TABLE t ADD CONSTRAINT f2 FOREIGN KEY (p_id) REFERENCES p NOT VALID",),
        {"t": SHARE_ROW, "p": SHARE_ROW},
    ),
    Case(
        "validate_foreign_key",
        ("ALTER TABLE t VALIDATE CONSTRAINT f2",),
        {"t": SHARE_UPDATE, "p": "ROW SHARE"},
        scanned=("p", "t"),
    ),
    Case("drop_foreign_key", ("ALTER TABLE t DROP CONSTRAINT f2",), {"t": ACCESS, "p": ACCESS}),
    Case("drop_check", ("ALTER TABLE t DROP CONSTRAINT c2",), {"t": ACCESS}),
    Case(
        "add_unique",
        ("ALTER TABLE t ADD CONSTRAINT u1 UNIQUE (other)",),
        {"t": ACCESS},
        scanned=("t",),
        indexes=("u1",),
    ),
    Case(
        "add_unique_using_index",
        ("CREATE UNIQUE INDEX t_gone ON t (gone)", "ALTER TABLE t ADD CONSTRAINT u2 UNIQUE USING INDEX t_gone"),
        {"t": ACCESS, "t_gone": SHARE_UPDATE},
    ),
    Case("create_index", ("CREATE INDEX i1 ON t (n)",), {"t": "SHARE"}, scanned=("t",), indexes=("i1",)),
    Case(
        "create_index_in_autocommit",
        ("CREATE INDEX i2 ON t (n)",),
        {"t": "SHARE"},
        scanned=("t",),
        indexes=("i2",),
        autocommit=True,
    ),
    Case(
        "create_index_concurrently",
        ("CREATE INDEX CONCURRENTLY i3 ON t (n)",),
        {"t": SHARE_UPDATE},
        scanned=("t",),
        indexes=("i3",),
        autocommit=True,
    ),
    Case(
        "reindex_concurrently",
        ("REINDEX INDEX CONCURRENTLY i3",),
        {"t": SHARE_UPDATE, "i3": SHARE_UPDATE},
        scanned=("t",),
        indexes=("i3",),
        autocommit=True,
    ),
    Case("reindex", ("REINDEX INDEX i3",), {"t": "SHARE", "i3": ACCESS}, rewritten=("i3",), scanned=("t",)),
    Case("rename_index", ("ALTER INDEX i2 RENAME TO i2b",), {"i2": SHARE_UPDATE}),
    Case("drop_index", ("DROP INDEX i1",), {"t": ACCESS, "i1": ACCESS}),
    Case(
        "drop_index_concurrently",
        ("DROP INDEX CONCURRENTLY i3",),
        {"t": SHARE_UPDATE, "i3": SHARE_UPDATE},
        autocommit=True,
    ),
    Case("vacuum", ("VACUUM p",), {"p": SHARE_UPDATE}, autocommit=True),
    Case("rename_column", ("ALTER TABLE t RENAME txt TO txt2",), {"t": ACCESS}),
    Case("drop_column", ("ALTER TABLE t DROP COLUMN txt2",), {"t": ACCESS}),
    Case("rename_table", ("ALTER TABLE q RENAME TO q2",), {"q": ACCESS}),
    Case(
        "create_trigger",
        ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing()",),
        {"t": SHARE_ROW},
    ),
    Case("drop_trigger", ("DROP TRIGGER tr ON t",), {"t": ACCESS}),
    Case("comment", ("COMMENT ON COLUMN t.n IS 'a number'",), {"t": SHARE_UPDATE}),
    Case("create_statistics", ("CREATE STATISTICS st ON n, m FROM t",), {"t": SHARE_UPDATE}),
    Case("replace_view", ("CREATE OR REPLACE VIEW vw AS SELECT id, name FROM p",), {"vw": ACCESS}),
    Case("materialized_view", ("CREATE MATERIALIZED VIEW mv AS SELECT id FROM p",), scanned=("p",), rows={"mv": ROWS}),
    Case("add_enum_value", ("ALTER TYPE mood ADD VALUE 'c'",)),
    Case("create_table_with_fk", ("CREATE TABLE child (id int, p_id int REFERENCES p)",), {"p": SHARE_ROW}),
    Case("drop_table_with_fk", ("DROP TABLE child",), {"p": ACCESS, "child": ACCESS}),
    Case(
        "attach_partition",
        (
            "CREATE TABLE q3 AS SELECT g AS id, 1000 AS k FROM generate_series(1, 500) g",
            "ALTER TABLE pt ATTACH PARTITION q3 FOR VALUES FROM (1000) TO (1001)",
        ),
        {"pt": SHARE_UPDATE, "q3": ACCESS, "pd": ACCESS},
        scanned=("pd", "q3"),
    ),
    Case(
        "partition_of_with_default",
        ("CREATE TABLE pt2 PARTITION OF pt FOR VALUES FROM (2000) TO (2001)",),
        {"pt": ACCESS, "pd": ACCESS},
        scanned=("pd",),
    ),
    Case("index_on_partitioned", ("CREATE INDEX pti ON ONLY pt (k)",), {"pt": "SHARE"}),
    Case("owner", ("ALTER TABLE p REPLICA IDENTITY FULL",), {"p": ACCESS}),
    Case(
        "update_all",
        ("UPDATE p SET name = name || '!'",),
        {"p": "ROW EXCLUSIVE", "p_pkey": "ROW EXCLUSIVE"},
        scanned=("p",),
        rows={"p": ROWS},
    ),
    Case(
        "batches",
        ("",),
        {"p": "ROW EXCLUSIVE", "p_pkey": "ROW EXCLUSIVE"},
        rows={"p": 300},
        python="bind = op.get_bind()\n"
        "bind.execute(sa.text('SET LOCAL enable_seqscan = off'))\n"
        "for start in (0, 100, 200):\n"
        "    bind.execute(sa.text('UPDATE p SET name = id WHERE id > :a AND id <= :b'), dict(a=start, b=start + 100))",
    ),
    Case(
        "select_of_the_author",
        ("",),
        scanned=("p",),
        python="assert op.get_bind().scalar(sa.text('SELECT count(*) FROM p WHERE name IS NOT NULL')) == 500",
    ),
    Case(
        "delete_all",
        ("DELETE FROM empty_after",),
        {"empty_after": "ROW EXCLUSIVE"},
        scanned=("empty_after",),
        rows={"empty_after": ROWS},
    ),
    Case("truncate", ("TRUNCATE p CASCADE",), {"p": ACCESS, "t": ACCESS}, rewritten=("p", "t")),
    Case(
        "hnsw",
        ("CREATE INDEX e_h ON e USING hnsw (emb vector_l2_ops)",),
        {"e": "SHARE"},
        scanned=("e",),
        indexes=("e_h",),
    ),
    Case(
        "hnsw_concurrently",
        ("CREATE INDEX CONCURRENTLY e_h2 ON e USING hnsw (emb vector_l2_ops)",),
        {"e": SHARE_UPDATE},
        scanned=("e",),
        indexes=("e_h2",),
        autocommit=True,
    ),
    Case("vector_without_dimensions", ("ALTER TABLE e ALTER emb TYPE vector",), {"e": ACCESS}),
)
BY_NAME = {case.name: case for case in CASES}
TABLE_NAMES = {"p", "t", "e", "pt", "pt1", "pd", "q", "q2", "q3", "empty_after", "vw", "mv", "child"}
