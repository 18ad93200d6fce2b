"""Sleeping while a lock is held is an error whatever the size of the tables; work and sleep without a lock are not."""

import pytest

from domain.migration.analysis.rules import waits_under_lock, work_under_lock
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

pytestmark = pytest.mark.one_major

ADD = "op.execute('ALTER TABLE users ADD note text')"
SLEEP = "time.sleep(0.8)"
SERVER_SLEEPS = "op.execute('SELECT pg_sleep(1.5)')"
# Revisions, and whether they wait under the lock of the table.
REVISIONS = {
    "between": (f"{ADD}\n{SLEEP}\nop.execute('SELECT 1')", True),
    "at_the_end": (f"{ADD}\n{SLEEP}", True),
    "another_program": (f"{ADD}\nsubprocess.run(['sleep', '0.8'], check=True)", True),
    "on_the_server": (f"{ADD}\n{SERVER_SLEEPS}", True),
    "in_a_block": ("op.execute('DO $$ BEGIN LOCK TABLE users; PERFORM pg_sleep(1.5); END $$')", True),
    "in_small_steps": (
        f"{ADD}\nfor number in range(40):\n    time.sleep(0.02)\n    op.execute(f'SELECT {{number}}')",
        True,
    ),
    "on_the_server_for_short": (f"{ADD}\nfor _ in range(12):\n    op.execute('SELECT pg_sleep(0.15)')", True),
    "before": (f"{SLEEP}\n{SERVER_SLEEPS}\n{ADD}", False),
    "after_the_commit": (
        f"with op.get_context().autocommit_block():\n    {ADD}\n    {SLEEP}\n    {SERVER_SLEEPS}",
        False,
    ),
    "work": (f"{ADD}\nend = time.thread_time() + 0.8\nwhile time.thread_time() < end:\n    pass", False),
    "work_on_the_server": (
        f"{ADD}\nop.execute('SELECT count(*) FROM generate_series(1, 1500) a, generate_series(1, 1500) b')",
        False,
    ),
    "no_lock": (f"op.execute('SELECT count(*) FROM users')\n{SLEEP}\n{SERVER_SLEEPS}", False),
}


@pytest.mark.long
def test_waiting_under_a_lock(server: Server, history: History) -> None:
    """It is found wherever it stands, on the client and on the server, and a busy processor is no wait."""
    history.add("first", None, "op.execute('CREATE TABLE users (id bigserial PRIMARY KEY)')")
    for name, (upgrade, _) in REVISIONS.items():
        history.add(name, "first", f"import subprocess\nimport time\n{upgrade}", "op.execute('SELECT 1')")
    report = analyzed(server, history.plain_ini(), "first:heads", rows=200)
    waiting = {item.trace.revision for item in report.revisions if waits_under_lock.CODE in item.reasons}

    assert waiting == {name for name, (_, waits) in REVISIONS.items() if waits}


@pytest.mark.long
def test_a_sample_under_a_lock(server: Server, history: History) -> None:
    """ANALYZE of any table makes those wait who want a locked one, unless the lock is released before it."""
    revisions = {
        "the_table": (f"{ADD}\nop.execute('ANALYZE users')", True),
        "all_tables": (f"{ADD}\nop.execute('ANALYZE')", True),
        "another_table": (f"{ADD}\nop.execute('ANALYZE (VERBOSE) pets (id)')", True),
        "in_a_block": (f"{ADD}\nop.execute('DO $$ BEGIN EXECUTE $a$ANALYZE users$a$; END $$')", True),
        "in_a_function": (f"{ADD}\nop.execute('SELECT refreshed()')", True),
        "in_a_script": (f"{ADD}\nop.execute('SELECT 1; /* now */ ANALYZE pets')", True),
        "only_its_name": (f"{ADD}\nop.execute(\"COMMENT ON TABLE pets IS 'ANALYZE pets'\")", False),
        "after_the_commit": (
            f"{ADD}\nwith op.get_context().autocommit_block():\n    op.execute('ANALYZE users')",
            False,
        ),
        "without_a_lock": ("op.execute('ANALYZE users')", False),
        "a_new_table": ("op.execute('CREATE TABLE toys (id int)')\nop.execute('ANALYZE toys')", False),
    }
    tables = "CREATE TABLE users (id bigserial PRIMARY KEY); CREATE TABLE pets (id bigserial PRIMARY KEY);"
    tables += "CREATE FUNCTION refreshed() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ANALYZE pets; RETURN 1; END $$"
    history.add("first", None, f"op.execute('{tables}')")
    for name, (upgrade, _) in revisions.items():
        history.add(name, "first", upgrade)
    report = analyzed(server, history.plain_ini(), "first:heads", rows=200)
    reported = {item.trace.revision for item in report.revisions if work_under_lock.CODE in item.reasons}

    assert reported == {name for name, (_, is_reported) in revisions.items() if is_reported}
