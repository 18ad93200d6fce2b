"""Privileges that a revision revokes beside those on tables: who loses what is said, and nothing of the owner."""

import pytest

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

GRANTED = "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO pg_monitor', current_database()); END $$"
REVOKED = """
DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM pg_monitor', current_database()); END $$;
REVOKE EXECUTE ON FUNCTION pg_sleep FROM PUBLIC;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
"""


@pytest.mark.one_major
def test_privileges_on_the_database_and_on_what_is_built_in(server: Server, history: History) -> None:
    """The last grant on a database leaves a list that Postgres would not keep, in which its owner has all it had."""
    history.add("granted", None, f"op.get_bind().exec_driver_sql({GRANTED.replace('%', '%%')!r})")
    history.add("revoked", "granted", f"op.get_bind().exec_driver_sql({REVOKED.replace('%', '%%')!r})")
    (analysis,) = analyzed(server, history.plain_ini(), "revoked", rows=5).revisions
    said = [one.message for one in analysis.diagnostics if one.code == "privileges-lost"]

    assert sorted(message.partition(":")[0] for message in said) == [
        "PUBLIC loses EXECUTE on the function pg_catalog.pg_sleep(double precision)",
        "PUBLIC loses USAGE on the language plpgsql",
        "pg_monitor loses CREATE on the database itself",
    ]
