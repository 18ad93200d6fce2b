"""Statements that the tracer sees on whatever way they come: drivers, loops, wrappers."""

import pytest

from adapter.outbound.migration.project.client import run_agent
from domain.migration.trace import RowCounts
from tests.history import History
from tests.integration.tracer.cases import ACCESS
from tests.integration.tracer.jobs import job, run_of

pytestmark = pytest.mark.one_major


@pytest.mark.parametrize("env", ["psycopg", "asyncpg"])
def test_what_bypasses_sqlalchemy_is_traced(env: str, history: History, empty_url: str) -> None:
    """Statements on a driver's own cursor, and on a connection of the revision's own, have locks, rows and lines."""
    copy = 'with cursor.copy("COPY things (id) FROM STDIN") as rows:\n    [rows.write_row((n,)) for n in range(30)]\n'
    history.add("first", None, 'op.execute("CREATE TABLE things (id int, v text)")')
    history.add(
        "next",
        "first",
        "import psycopg\n"
        "cursor = op.get_bind().connection.cursor()\n"
        'cursor.execute("CREATE INDEX ix ON things (v)")\n'
        f"{copy if env == 'psycopg' else ''}"
        "cursor.close()\n"
        'with psycopg.connect("postgresql://nobody@192.0.2.1:1/elsewhere") as own:\n'
        '    own.execute("SELECT count(*) FROM pg_class")\n',
    )
    config = history.plain_ini() if env == "psycopg" else history.ini()
    run = run_of(run_agent(job(config, empty_url)), "next")
    by_text = {one.sql.split(" ON ")[0].split(" (")[0]: one for one in run.statements}

    assert run.error is None
    assert by_text["CREATE INDEX ix"].locks["public.things"].sql == "SHARE"
    assert by_text["CREATE INDEX ix"].indexes_built == ("public.ix",)
    assert by_text["CREATE INDEX ix"].line is not None
    assert "SELECT count" in {text.split("(")[0] for text in by_text}
    if env == "psycopg":
        assert by_text["COPY things"].rows["public.things"].inserted == 30
        assert by_text["COPY things"].transaction == by_text["CREATE INDEX ix"].transaction


@pytest.mark.parametrize("env", ["psycopg", "asyncpg"])
def test_percent_signs_are_those_of_the_server(env: str, history: History, empty_url: str) -> None:
    """A percent sign that SQLAlchemy doubles for its driver is reported once, and such a statement is explained."""
    history.add("first", None, 'op.execute("CREATE TABLE things (id int, v text)")')
    history.add("next", "first", "op.execute(\"UPDATE things SET v = '50%' WHERE v LIKE 'x%' OR v = '100%%'\")")
    config = history.plain_ini() if env == "psycopg" else history.ini()
    (update,) = run_of(run_agent(job(config, empty_url)), "next").statements

    assert update.sql == "UPDATE things SET v = '50%' WHERE v LIKE 'x%' OR v = '100%%'"


def test_a_loop_over_rows_is_counted(history: History, empty_url: str) -> None:
    """Statements of a loop add up to what it did, whether each was looked at or only counted."""
    history.add(
        "first",
        None,
        'op.execute("CREATE TABLE things (id int PRIMARY KEY, v int)")\n'
        'op.execute("INSERT INTO things SELECT n, n FROM generate_series(1, 300) n")\n'
        'op.execute("CREATE TABLE log (id int)")',
    )
    history.add(
        "next",
        "first",
        "bind = op.get_bind()\n"
        "for n in range(1, 301):\n"
        '    bind.execute(sa.text("SELECT v FROM things WHERE id = :n"), {"n": n}).all()\n'
        '    bind.execute(sa.text("UPDATE things SET v = -v WHERE id = :n"), {"n": n})\n'
        'bind.execute(sa.text("INSERT INTO log SELECT count(*) FROM things"))\n'
        'op.execute("ALTER TABLE log ADD COLUMN x int")',
    )
    result = run_agent(job(history.ini(), empty_url))
    statements = next(one for one in result.runs if one.revision == "next").statements

    assert result.error is None
    assert [(one.sql.split()[0], one.count) for one in statements] == [
        ("SELECT", 300),
        ("UPDATE", 300),
        ("INSERT", 1),
        ("ALTER", 1),
    ]
    assert statements[1].rows["public.things"].updated == 300
    assert statements[1].locks["public.things"].sql == "ROW EXCLUSIVE"
    assert {one.transaction for one in statements} == {1}
    assert statements[2].rows == {"public.log": RowCounts(inserted=1)}
    assert statements[3].locks == {"public.log": statements[3].locks["public.log"]}


@pytest.mark.parametrize("env", ["psycopg", "asyncpg"])
def test_rows_that_are_locked_and_not_written(env: str, history: History, empty_url: str) -> None:
    """A SELECT … FOR UPDATE locks rows, in a savepoint, too; a foreign key's look at parents is no such statement."""
    history.add(
        "first",
        None,
        'op.execute("CREATE TABLE a AS SELECT n AS id FROM generate_series(1, 50) n")\n'
        'op.execute("ALTER TABLE a ADD PRIMARY KEY (id)")\n'
        'op.execute("CREATE TABLE b (id int REFERENCES a)")\n'
        'op.execute("CREATE TABLE c AS TABLE a")\n'
        'op.execute("CREATE TABLE d AS TABLE a")\n'
        'op.execute("CREATE FUNCTION locking() RETURNS void SECURITY DEFINER LANGUAGE plpgsql"\n'
        '    " AS $$ BEGIN PERFORM id FROM d FOR UPDATE; END $$")',
    )
    history.add(
        "next",
        "first",
        'op.execute("SELECT id FROM a WHERE id <= 7 FOR UPDATE")\n'
        "with op.get_bind().begin_nested():\n"
        '    op.execute("SELECT id FROM b FOR SHARE")\n'
        'op.execute("INSERT INTO b SELECT id FROM a WHERE id > 40")\n'
        'op.execute("SELECT count(*) FROM a")\n'
        'op.execute("SELECT id FROM a WHERE id <= 10 FOR UPDATE")\n'
        'op.execute("SELECT id FROM c FOR KEY SHARE")\n'
        'op.execute("SET ROLE pg_monitor")\n'
        'op.execute("SELECT locking()")\n'
        'op.execute("RESET ROLE")\n'
        "with op.get_context().autocommit_block():\n"
        '    op.execute("SELECT id FROM a FOR NO KEY UPDATE")\n'
        '    op.execute("SELECT id FROM a WHERE id <= 20 FOR UPDATE")\n',
    )
    config = history.plain_ini() if env == "psycopg" else history.ini()
    run = run_of(run_agent(job(config, empty_url)), "next")
    assert run.error is None
    seen, shared, inserted, counted, more, keys, _, unreadable, _, alone, again = run.statements

    assert seen.locked == {"public.a": 7}
    assert (shared.locked, inserted.locked, counted.locked) == ({}, {}, {})
    assert inserted.rows == {"public.b": RowCounts(inserted=10)}
    assert counted.scanned == {"public.a": 50}
    assert (more.locked, keys.locked, unreadable.locked) == ({"public.a": 3}, {}, {})
    assert (alone.locked, again.locked) == ({"public.a": 50}, {"public.a": 20})


def test_rows_are_locked_however_it_is_written(history: History, empty_url: str) -> None:
    """Rows that another session could not lock are counted, however they were locked."""
    history.add(
        "first",
        None,
        'op.execute("CREATE TABLE a AS SELECT n AS id FROM generate_series(1, 50) n")\n'
        'op.execute("ALTER TABLE a ADD PRIMARY KEY (id)")\n'
        'op.execute("CREATE TABLE b AS TABLE a")\n'
        'op.execute("CREATE TABLE children (id int REFERENCES a)")\n'
        'op.execute("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")\n'
        'op.execute("CREATE TRIGGER refuses BEFORE UPDATE ON b FOR EACH ROW EXECUTE FUNCTION nothing()")',
    )
    history.add(
        "next",
        "first",
        'op.execute("SELECT id FROM a WHERE id = 1 FOR UPDATE -- not for key share")\n'
        'op.execute("DO $$ BEGIN PERFORM FROM a WHERE id > 2 FOR KEY SHARE;'
        ' PERFORM FROM a WHERE id = 2 FOR UPDATE; END $$")\n'
        'op.execute("INSERT INTO children VALUES (40); SELECT id FROM a WHERE id = 3 FOR SHARE")\n'
        'op.execute("INSERT INTO a VALUES (4), (5) ON CONFLICT (id) DO UPDATE SET id = 0 WHERE false")\n'
        'op.execute("UPDATE b SET id = 0")\n'
        'op.execute("UPDATE a SET id = -id WHERE id > 45")\n'
        'op.execute("SELECT id FROM a WHERE id < 0 OR id = 6 FOR NO KEY UPDATE")\n'
        'op.execute("SELECT id FROM a FOR KEY SHARE")',
    )
    run = run_of(run_agent(job(history.plain_ini(), empty_url)), "next")

    assert run.error is None
    locked = [statement.locked for statement in run.statements]
    ones = [
        {"public.a": 1},
        {"public.a": 1},
        {"public.a": 1},
        {"public.a": 2},
        {"public.b": 50},
        {},
        {"public.a": 1},
        {},
    ]
    assert locked == ones


def test_rows_that_a_cursor_of_the_driver_locks(history: History, empty_url: str) -> None:
    """Rows that a named cursor locks while it is read count for the next statement, or for the last one."""
    history.add("first", None, 'op.execute("CREATE TABLE a AS SELECT n AS id FROM generate_series(1, 50) n")')
    history.add(
        "next",
        "first",
        "driver = op.get_bind().connection.dbapi_connection\n"
        'cursor = driver.cursor("named")\n'
        'cursor.execute("SELECT id FROM a FOR UPDATE")\n'
        "cursor.fetchmany(20)\n"
        'op.execute("SELECT 1")\n'
        "cursor.fetchall()\n",
    )
    run = run_of(run_agent(job(history.plain_ini(), empty_url)), "next")

    assert run.error is None
    declared, selected = [statement.locked for statement in run.statements]
    assert (declared, selected) == ({}, {"public.a": 50})


def test_tables_of_extensions_are_passed_over(history: History, empty_url: str) -> None:
    """An index on a table that belongs to an extension is built like any other, and is nobody's."""
    history.add(
        "first",
        None,
        'op.execute("CREATE EXTENSION IF NOT EXISTS vector")\n'
        'op.execute("CREATE TABLE parts (id int)")\n'
        'op.execute("ALTER EXTENSION vector ADD TABLE parts")',
    )
    history.add("next", "first", 'op.execute("CREATE INDEX ix ON parts (id)")')
    config = history.ini()
    assert run_agent(job(config, empty_url, revision="first")).error is None
    result = run_agent(job(config, empty_url))
    assert result.error is None, result.error
    (index,) = run_of(result).statements
    assert (index.indexes_built, index.built_on) == (("public.ix",), {})


REWRITE = "ALTER TABLE a ALTER v TYPE bigint"
WRAPPED = {
    "set": f"SET lock_timeout = '2s'; {REWRITE}",
    "set local": f"SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '60s'; {REWRITE}",
    "comment": f"-- widen\nSET lock_timeout = '2s';\n/* now */ {REWRITE};",
    "reset": f"RESET ALL; {REWRITE}",
    "show": f"SHOW lock_timeout; {REWRITE}",
    "set role": f"SET ROLE postgres; {REWRITE}; RESET ROLE",
    "set transaction": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {REWRITE}",
    "comment and set transaction": f"/* first */ SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {REWRITE}",
    "do": f"DO $$ BEGIN PERFORM set_config('lock_timeout', '2s', true); EXECUTE '{REWRITE}'; END $$",
    "function": f"CREATE FUNCTION widen() RETURNS void LANGUAGE sql AS '{REWRITE}'; SELECT widen()",
    "with": f"SELECT 1; {REWRITE}; SELECT 2",
}


@pytest.mark.few(3)
@pytest.mark.parametrize("kind", WRAPPED)
def test_a_statement_is_traced_however_it_is_wrapped(kind: str, history: History, empty_url: str) -> None:
    """A rewrite is seen beside settings in one text, behind comments, in a DO block and in a function."""
    history.add("r1", None, "op.execute('CREATE TABLE a (v int)')")
    history.add("r2", "r1", f"op.execute({WRAPPED[kind]!r})")
    result = run_agent(job(history.plain_ini(), empty_url))
    assert result.error is None
    statements = run_of(result, "r2").statements
    assert [table for statement in statements for table in statement.rewritten] == ["public.a"]
    assert any(statement.locks["public.a"].sql == ACCESS for statement in statements if "public.a" in statement.locks)


@pytest.mark.few(2)
@pytest.mark.parametrize("env", ["psycopg", "asyncpg"])
@pytest.mark.parametrize("first", ["", "/* first */ "])
def test_set_transaction_comes_before_any_query(first: str, env: str, history: History, empty_url: str) -> None:
    """SET TRANSACTION works while it is traced, alone and behind a comment, in each driver's way to begin."""
    history.add("r1", None, "op.execute('CREATE TABLE a (v int)')")
    level = f"{first}SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"
    shown = "op.get_bind().exec_driver_sql('SHOW transaction_isolation').scalar()"
    history.add("r2", "r1", f"op.execute({level!r})\nassert {shown} == 'serializable'")
    result = run_agent(job(history.plain_ini() if env == "psycopg" else history.ini(), empty_url))
    assert result.error is None
    assert run_of(result, "r2").finished


def test_rows_that_a_cursor_or_a_prepared_statement_locks(history: History, empty_url: str) -> None:
    """FETCH and EXECUTE lock what the text says that they run, and nothing where that only looks at parents."""
    history.add(
        "first",
        None,
        'op.execute("CREATE TABLE a AS SELECT n AS id FROM generate_series(1, 50) n")\n'
        'op.execute("CREATE TABLE parents AS TABLE a")\n'
        'op.execute("ALTER TABLE parents ADD PRIMARY KEY (id)")\n'
        'op.execute("CREATE TABLE b (id int REFERENCES parents)")',
    )
    history.add(
        "next",
        "first",
        'op.execute("INSERT INTO b SELECT id FROM a WHERE id > 40")\n'
        'op.execute("DECLARE read CURSOR FOR SELECT id FROM parents")\n'
        'op.execute("FETCH ALL FROM read")\n'
        'op.execute("PREPARE look AS SELECT id FROM a WHERE id <= $1 FOR UPDATE")\n'
        'op.execute("/* all */ EXECUTE look (30)")\n'
        'op.execute("DEALLOCATE look")\n'
        'op.execute("DECLARE locking CURSOR FOR SELECT id FROM a FOR UPDATE")\n'
        'op.execute("FETCH 20 FROM locking")\n'
        'op.execute("MOVE FORWARD ALL IN locking")',
    )
    run = run_of(run_agent(job(history.plain_ini(), empty_url)), "next")

    assert run.error is None
    locked = {statement.sql.split()[0]: statement.locked for statement in run.statements if statement.locked}
    assert locked == {"/*": {"public.a": 30}, "MOVE": {"public.a": 20}}


def test_a_copy_that_commits_on_its_own(history: History, empty_url: str) -> None:
    """COPY in autocommit has its rows and locks, and a transaction of its own, also when it fails."""
    history.add("first", None, 'op.execute("CREATE TABLE things (id int PRIMARY KEY, v text)")')
    history.add(
        "next",
        "first",
        "import contextlib\nimport psycopg\n"
        "with op.get_context().autocommit_block():\n"
        "    cursor = op.get_bind().connection.cursor()\n"
        '    with cursor.copy("COPY things (id) FROM STDIN") as rows:\n'
        "        [rows.write_row((n,)) for n in range(30)]\n"
        '    with contextlib.suppress(psycopg.Error), cursor.copy("COPY things (id) FROM STDIN") as rows:\n'
        "        rows.write_row((1,))\n"
        "    with cursor.copy(\"COPY (UPDATE things SET v = 'x' RETURNING id) TO STDOUT\") as rows:\n"
        "        assert len(list(rows.rows())) == 30\n",
    )
    run = run_of(run_agent(job(history.plain_ini(), empty_url)), "next")

    assert run.error is None
    given, refused, changed = run.statements
    assert given.rows == {"public.things": RowCounts(inserted=30)}
    assert "duplicate key" in (refused.error or "")
    assert changed.rows == {"public.things": RowCounts(updated=30)}
    assert changed.locks["public.things"].sql == "ROW EXCLUSIVE"
    assert {statement.transaction for statement in run.statements} == {None}
