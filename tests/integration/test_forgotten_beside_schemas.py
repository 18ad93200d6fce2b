"""Downgrades that forget what is no part of a schema, proved in the embedded sandbox, where each database has roles."""

from pathlib import Path

import pytest

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from application.migration.verify import VerificationReport
from domain.migration.verification.round_trip import Reversibility
from tests.history import History
from tests.integration.test_repair import correct, fix_of, statements

BASE = "CREATE ROLE app LOGIN; CREATE ROLE staff; GRANT staff TO app"
ON_DATABASE = "DO $$ BEGIN EXECUTE format('{}', current_database()); END $$"
FORGOTTEN = {
    "role": "ALTER ROLE app CONNECTION LIMIT 3 NOLOGIN BYPASSRLS",
    "membership": "GRANT staff TO app WITH ADMIN OPTION; GRANT pg_read_all_data TO pg_monitor",
    "new_role": "CREATE ROLE reader IN ROLE staff; COMMENT ON ROLE reader IS 'reads'",
    "comment": ON_DATABASE.format("COMMENT ON DATABASE %I IS ''shop''"),
    "limit": ON_DATABASE.format("ALTER DATABASE %I CONNECTION LIMIT 50"),
    "owner": ON_DATABASE.format("ALTER DATABASE %I OWNER TO staff"),
    "setting": ON_DATABASE.format("ALTER DATABASE %I SET work_mem = ''8MB''"),
    "extension": "COMMENT ON EXTENSION plpgsql IS 'ours'",
    "language": "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
    "function": "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO app",
    "parameter": "GRANT SET ON PARAMETER log_statement TO app",
    "to_come": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app",
}


def prove(history: History, config: Path) -> VerificationReport:
    """Prove the round trips of all revisions but the first."""
    asked = VerificationRequest("r1:heads", "round-trip", history.folder.parent / "certificates.json")
    return verify_revisions(ProjectRequest(config=config, rows=5), asked, lambda *_: None)


@pytest.mark.long
def test_what_is_forgotten_is_found_and_what_is_derived_is_exact(history: History) -> None:
    """Each is found as silent, and each derived downgrade undoes it all, on each database for itself."""
    config = history.plain_ini()
    history.add("r1", None, statements(BASE))
    for name, sql in FORGOTTEN.items():
        history.add(name, "r1", statements(sql))
    forgetful = {proof.analysis.trace.revision: proof for proof in prove(history, config).proofs}
    found = {name for name, proof in forgetful.items() if proof.trip is not None and proof.trip.schema}
    assert found == FORGOTTEN.keys()
    for name, proof in forgetful.items():
        assert "left to do" not in fix_of(proof), name
        correct(history.folder / f"{name}.py", fix_of(proof))
    again = prove(history, config)
    wrong = {
        proof.analysis.trace.revision: [one.message for one in proof.diagnostics]
        for proof in again.proofs
        if proof.certificate is None or proof.certificate.reversibility is not Reversibility.EXACT
    }

    assert not wrong
