"""Statements of roles that have only some privileges, and so fail where the owner's succeed."""

import pytest

from domain.migration.diagnostic import Severity
from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed_change

SCHEMA = """
CREATE TABLE notes (id bigint PRIMARY KEY, title text);
CREATE TABLE kept (id bigint PRIMARY KEY, title text);
CREATE VIEW titles AS SELECT id, title FROM kept;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO pg_monitor;
GRANT SELECT ON titles TO pg_read_all_stats;
CREATE TABLE own (id bigint PRIMARY KEY, title text);
ALTER TABLE own OWNER TO pg_signal_backend;
"""
LOGGED = """
CREATE TABLE log (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note bigint);
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO log (note) VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER log AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION log();
"""
POLICY = "CREATE POLICY none ON notes TO pg_monitor USING (false); ALTER TABLE notes ENABLE ROW LEVEL SECURITY"


@pytest.mark.one_major
@pytest.mark.parametrize(
    ("change", "failing"),
    [
        (LOGGED, {"public.notes": "permission denied for table log"}),
        (f"{LOGGED} GRANT INSERT ON log TO pg_monitor", {}),
        ("ALTER VIEW titles SET (security_invoker = true)", {"public.titles": "permission denied for table kept"}),
        ("CREATE SEQUENCE n; ALTER TABLE notes ALTER title SET DEFAULT nextval('n')::text",
         {"public.notes": "permission denied for sequence n"}),
        ("ALTER TABLE own OWNER TO pg_monitor", {"public.own": "permission denied for table own"}),
        ("REVOKE INSERT ON notes FROM pg_monitor", {}),
        (POLICY, {}),
        ("ALTER TABLE notes ADD body text", {}),
    ],
)  # fmt: skip
def test_what_a_role_may_do_no_longer(server: Server, history: History, change: str, failing: dict[str, str]) -> None:
    """A trigger, a view or a default that needs further privileges fails; other rules report what is revoked."""
    analysis = analyzed_change(server, history, SCHEMA, change, rows=20)
    broken = {
        str(item.relation): item.message
        for item in analysis.diagnostics
        if item.code == "breaks-old-code" and item.severity is Severity.ERROR
    }

    assert broken.keys() == failing.keys()
    assert all(failing[table] in message for table, message in broken.items())
