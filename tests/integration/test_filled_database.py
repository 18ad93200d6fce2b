"""Generated rows are kept from one point of a history to the next where new ones would be the same."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from adapter.outbound.migration.project.client import Agent
from adapter.outbound.migration.sandbox.sandbox import ServerSandbox
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.databases import RevisionDatabases
from adapter.outbound.migration.trial.filled_database import FilledDatabase
from adapter.outbound.migration.trial.project import Project
from domain.migration.digest import DataDigest, compare
from domain.migration.snapshot import compare as compare_schemas
from tests.conftest import Server
from tests.history import History

pytestmark = pytest.mark.one_major

ROWS = 30
TABLES = "".join(
    f"CREATE TABLE t{number} (id bigserial PRIMARY KEY, name text UNIQUE, parent bigint REFERENCES t{number // 2});"
    for number in range(24)
)
# The key of a mark is random, so it shows whether rows were kept.
MARKS = "CREATE TABLE marks (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), t bigint REFERENCES t20);"
STATISTICS = """
SELECT tablename, attname, null_frac, n_distinct, most_common_vals::text FROM pg_stats
 WHERE schemaname = 'public' AND tablename <> 'marks' ORDER BY 1, 2
"""
SIZES = """
SELECT relname, reltuples, pg_relation_size(oid) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') AND relname !~ 'marks' ORDER BY 1
"""


@pytest.fixture
def databases(server: Server, history: History) -> Iterator[RevisionDatabases]:
    """Databases of a history of 25 tables, whose further revisions a test adds before it uses them."""
    _add(history, 0, f"{TABLES}{MARKS}")
    with ServerSandbox(server.url()) as sandbox, Agent() as agent:
        databases = RevisionDatabases(Project(history.plain_ini(), rows=ROWS), sandbox, agent)
        with closing(databases):
            yield databases


def _add(history: History, number: int, sql: str) -> None:
    history.add(f"r{number}", f"r{number - 1}" if number else None, f"op.execute({sql!r})")


def _marks(rows: DataDigest) -> object:
    return rows.tables["public.marks"]


def _check_equal(moved: Database, new: Database) -> None:
    """Check that two databases have the same schema, rows, sequences, statistics and sizes, without marks."""
    assert not compare_schemas(moved.snapshot(), new.snapshot())
    rows, new_rows = moved.digest(), new.digest()
    assert {change.subject for change in compare(rows, new_rows).changes} <= {"public.marks"}
    assert (rows.counters, rows.behind, rows.free) == (new_rows.counters, new_rows.behind, new_rows.free)
    assert (moved.unfilled, moved.columns, moved.young) == (new.unfilled, new.columns, new.young)
    for query in (STATISTICS, SIZES):
        assert moved.session().execute(query).fetchall() == new.session().execute(query).fetchall()


@pytest.mark.long
def test_a_moved_database_is_equal_to_a_new_one(databases: RevisionDatabases, history: History) -> None:
    """Rows are kept through changes of other tables, and all are made anew where it is not certain which would be."""
    revisions = [
        # columns, indexes, checks, types and names of tables that others refer to, and a new table
        """ALTER TABLE t1 ADD note text; CREATE INDEX ON t2 (parent); ALTER TABLE t3 ADD CHECK (length(name) < 50);
        ALTER TABLE t16 ALTER parent TYPE int; ALTER TABLE t17 RENAME TO seventeen; DROP TABLE t18;
        CREATE TABLE notes (id bigserial PRIMARY KEY, t bigint NOT NULL REFERENCES t4)""",
        # rows and numbers of a revision, in a table that is referred to, so that others refer to other keys
        "INSERT INTO t11 (name) VALUES ('seed'); SELECT nextval('t12_id_seq'); UPDATE t13 SET name = name || 'x'",
        # tables with little room, and a reference to itself
        "CREATE TABLE one (id int PRIMARY KEY CHECK (id = 1), v text); ALTER TABLE t14 ADD above bigint REFERENCES t14",
        "ALTER TABLE one ADD w text; ALTER TABLE t14 ADD below bigint",
        # it fails on rows, because marks refer to these
        "DELETE FROM t20 WHERE id < 40",
        # the rewrite of a table draws numbers
        "CREATE SEQUENCE numbers; ALTER TABLE t21 ADD n bigint DEFAULT nextval('numbers')",
        "ALTER TABLE t22 ADD m bigint DEFAULT nextval('numbers')",
        # another table draws from the same sequence
        "ALTER TABLE t22 ADD note text",
        # most tables depend on the keys of this one
        "INSERT INTO t0 (name) VALUES ('seed')",
        # foreign keys in a circle
        "ALTER TABLE t0 ADD last bigint REFERENCES t23",
        """CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER g BEFORE INSERT ON t23 FOR EACH ROW EXECUTE FUNCTION f()""",
        "ALTER TABLE t23 ADD note text",
    ]
    for number, sql in enumerate(revisions, 1):
        _add(history, number, sql)
    moving, earlier, moved_at = FilledDatabase(databases.rows), None, []
    for number in range(len(revisions) + 1):
        point = (f"r{number}",)
        with (
            moving.copy_at(databases.bare(point), point) as moved,
            FilledDatabase(databases.rows).copy_at(databases.bare(point), point) as new,
        ):
            _check_equal(moved, new)
            assert _marks(moved.digest()) != _marks(new.digest())
            if _marks(moved.digest()) == earlier:
                moved_at.append(number)
            earlier = _marks(moved.digest())
    assert moved_at == [1, 2, 3, 4, 6, 7]
