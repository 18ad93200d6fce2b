"""Roles, settings and privileges of the sandbox's databases."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from adapter.outbound.migration.sandbox.database_settings import copy_settings
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.sandbox.server_roles import drop_roles
from tests.integration.sandbox.statements import PROJECT, execute

pytestmark = pytest.mark.one_major


@pytest.mark.parametrize("major", [18, 16])
def test_each_database_has_its_own_roles(tmp_path: Path, major: int) -> None:
    """A role belongs to the database it was made in and to its copies: one drops it, the other keeps its grants."""
    with EmbeddedSandbox(major, tmp_path) as sandbox:
        first = sandbox.create()
        sandbox.show(first)
        execute(first, "CREATE TABLE people (id int); CREATE ROLE reader NOLOGIN; CREATE ROLE team NOLOGIN")
        execute(first, "GRANT SELECT ON people TO reader; GRANT team TO reader; ALTER ROLE reader SET work_mem = '8MB'")
        second = sandbox.copy(first)
        other = sandbox.create()
        granted = "SELECT relacl::text FROM pg_class WHERE relname = 'people'"

        sandbox.show(other)
        assert execute(other, "SELECT count(*) FROM pg_roles WHERE rolname IN ('reader', 'team')") == (0,)
        execute(other, "CREATE ROLE reader NOLOGIN")
        sandbox.show(second)
        assert "reader=r" in execute(second, granted)[0]
        execute(second, "REVOKE ALL ON people FROM reader; DROP ROLE reader")
        sandbox.show(first)
        assert "reader=r" in execute(first, granted)[0]
        assert execute(first, "SELECT pg_has_role('reader', 'team', 'member')") == (True,)
        assert execute(first, "SELECT setconfig::text FROM pg_db_role_setting") == ("{work_mem=8MB}",)
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            execute(first, "DROP ROLE reader")
        assert not sandbox.save_template(first, "with roles")
        sandbox.save_copy(first, "with roles")
        assert not sandbox.has_template("with roles")
        execute(first, "DROP OWNED BY reader; DROP ROLE reader; DROP ROLE team")
        assert sandbox.save_template(first, "without roles")
    with EmbeddedSandbox(major, tmp_path) as sandbox:
        database = sandbox.create("without roles")
        assert execute(database, "SELECT count(*) FROM pg_roles WHERE rolname IN ('reader', 'team')") == (0,)


@pytest.mark.parametrize("major", [18, 16])
def test_a_copy_has_the_settings_and_privileges_of_its_source(tmp_path: Path, major: int) -> None:
    """What was set and granted on a database holds for its copies and its template, and a copy changes only itself."""
    setting = "SELECT current_setting('search_path') || current_setting('statement_timeout')"
    acl = "SELECT datacl::text FROM pg_database WHERE datname = current_database()"
    of_role = "SELECT setconfig::text FROM pg_db_role_setting WHERE setrole <> 0 AND setdatabase <> 0"

    of_database = """
        SELECT pg_get_userbyid(datdba)::text, datconnlimit, datistemplate, shobj_description(oid, 'pg_database')
          FROM pg_database WHERE datname = current_database()
    """

    def change(url: str, *changes: str) -> None:
        sandbox.show(url)
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        for statement in changes:
            execute(url, statement.replace("$db", f'"{name}"'))

    with EmbeddedSandbox(major, tmp_path) as sandbox:
        first = sandbox.create()
        change(
            first,
            'ALTER DATABASE $db SET search_path = "a b", public',
            "ALTER DATABASE $db SET statement_timeout = '5s'",
            "REVOKE CONNECT ON DATABASE $db FROM PUBLIC",
        )
        second = sandbox.copy(first)
        assert execute(second, setting) == ('"a b", public5s',)
        assert execute(second, acl) == execute(first, acl)
        change(second, "ALTER DATABASE $db RESET ALL", "GRANT CONNECT ON DATABASE $db TO PUBLIC")
        change(second, "COMMENT ON DATABASE $db IS 'ours'", "ALTER DATABASE $db CONNECTION LIMIT 7 IS_TEMPLATE true")
        change(second, "CREATE ROLE chief", "ALTER DATABASE $db OWNER TO chief")
        fourth = sandbox.copy(second)
        assert execute(fourth, of_database) == ("chief", 7, True, "ours")
        change(fourth, "ALTER DATABASE $db OWNER TO CURRENT_USER", "DROP ROLE chief")
        assert not sandbox.save_template(fourth, "with a comment")
        assert execute(first, setting) == ('"a b", public5s',)

        change(first, "CREATE ROLE reader NOLOGIN", "GRANT CONNECT ON DATABASE $db TO reader")
        change(first, "ALTER ROLE reader IN DATABASE $db SET work_mem = '8MB'")
        third = sandbox.copy(first)
        sandbox.show(third)
        assert "reader=c" in execute(third, acl)[0]
        assert execute(third, of_role) == ("{work_mem=8MB}",)
        change(third, "REVOKE CONNECT ON DATABASE $db FROM reader", "DROP ROLE reader")
        sandbox.show(first)
        assert "reader=c" in execute(first, acl)[0]
        assert execute(first, of_role) == ("{work_mem=8MB}",)
        change(first, "REVOKE CONNECT ON DATABASE $db FROM reader", "DROP ROLE reader")
        assert sandbox.save_template(first, "with settings")
    with EmbeddedSandbox(major, tmp_path) as sandbox:
        assert execute(sandbox.create("with settings"), setting) == ('"a b", public5s',)


def test_what_built_in_roles_get_belongs_to_a_database(tmp_path: Path) -> None:
    """Memberships and comments of roles of the server, and privileges on parameters, are those of one database."""
    query = """
        SELECT pg_has_role('pg_monitor', 'pg_read_all_data', 'member'),
               (SELECT count(*)::int FROM pg_shdescription WHERE classoid = 'pg_authid'::regclass),
               (SELECT count(*)::int FROM pg_parameter_acl)
    """
    with EmbeddedSandbox(18, tmp_path) as sandbox:
        first, other = sandbox.create(), sandbox.create()
        sandbox.show(first)
        execute(first, "GRANT pg_read_all_data TO pg_monitor; COMMENT ON ROLE pg_monitor IS 'watches'")
        execute(first, "CREATE ROLE reader; GRANT SET ON PARAMETER log_statement TO reader")
        copy = sandbox.copy(first)
        sandbox.show(other)
        assert execute(other, query) == (False, 0, 0)
        sandbox.show(copy)
        assert execute(copy, query) == (True, 1, 1)
        execute(copy, "REVOKE pg_read_all_data FROM pg_monitor; DROP OWNED BY reader; DROP ROLE reader")
        sandbox.show(first)
        assert execute(first, query) == (True, 1, 1)
        assert execute(first, "SELECT has_parameter_privilege('reader', 'log_statement', 'SET')") == (True,)


def test_roles_of_a_killed_sandbox_are_gone(tmp_path: Path) -> None:
    """The next sandbox on the server takes out what a killed one left, whatever was granted."""
    killed = """
import os, signal, sys, psycopg
from pathlib import Path
from adapter.outbound.migration.sandbox.database_settings import copy_settings
from adapter.outbound.migration.sandbox.embedded import EmbeddedSandbox
from adapter.outbound.migration.sandbox.server_roles import drop_roles
sandbox = EmbeddedSandbox(18, Path(sys.argv[1]))
with psycopg.connect(sandbox.create(), autocommit=True) as connection:
    connection.execute("CREATE ROLE reader NOLOGIN; GRANT CREATE ON SCHEMA public TO reader")
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", killed, str(tmp_path)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=False,
    )
    with EmbeddedSandbox(18, tmp_path) as sandbox:
        database = sandbox.create()
        assert execute(database, "SELECT count(*) FROM pg_roles WHERE rolname = 'reader'") == (0,)
    assert done.returncode == -signal.SIGKILL


def test_a_grantee_that_is_not_there(tmp_path: Path) -> None:
    """What was granted on a database to a role of another one is left out of a copy, and found when roles go."""
    with EmbeddedSandbox(18, tmp_path) as sandbox:
        first, other = sandbox.create(), sandbox.create()
        names = [psycopg.conninfo.conninfo_to_dict(url)["dbname"] for url in (first, other)]
        sandbox.show(first)
        execute(first, f'CREATE ROLE reader NOLOGIN; GRANT CONNECT ON DATABASE "{names[0]}" TO reader')
        sandbox.show(other)
        with psycopg.connect(other, autocommit=True) as connection:
            copy_settings(connection, str(names[0]), str(names[1]))
            granted = connection.execute("SELECT datacl FROM pg_database WHERE datname = %s", (names[1],)).fetchone()
        sandbox.show(first)
        with psycopg.connect(first, autocommit=True) as connection:
            dependent_databases = drop_roles(connection)

    assert granted is not None
    assert [str(item).partition("=")[0] for item in granted[0]] == ["", "postgres"]
    assert dependent_databases == [names[0]]
