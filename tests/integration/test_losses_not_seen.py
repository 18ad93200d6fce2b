"""A downgrade is not called exact where the sandbox had nothing that could have been lost."""

import json
from pathlib import Path

import pytest

from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from adapter.outbound.migration.report import verification_json, verification_text
from application.migration.verify import VerificationReport
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

# Nobody finds a text with such a hash: `odd` stays empty, and with it `below`; in `rare` the column stays NULL.
TABLES = """
op.execute("CREATE TABLE odd (id int PRIMARY KEY, code text NOT NULL CHECK (md5(code) LIKE 'abcdef0123%'), note text)")
op.execute("CREATE TABLE below (id int PRIMARY KEY, odd int NOT NULL REFERENCES odd, note text, more text)")
op.execute("CREATE TABLE rare (id int PRIMARY KEY, code text CHECK (md5(code) = ''), note text, spare txid_snapshot)")
op.execute("CREATE TABLE seen (id int PRIMARY KEY, at txid_snapshot)")
op.execute("CREATE TABLE days (day date NOT NULL, note text) PARTITION BY RANGE (day)")
op.execute("CREATE TABLE days_all PARTITION OF days DEFAULT")
op.execute("CREATE TABLE people (id int PRIMARY KEY, kind text NOT NULL)")
"""
# Upgrades that lose something which the sandbox does not have, and downgrades that bring back the schema alone.
LOSSES = {
    "column of an empty table": ("ALTER TABLE below DROP COLUMN more", "ALTER TABLE below ADD COLUMN more text"),
    "rows of an empty table": ("UPDATE odd SET note = upper(note)", "SELECT 1"),
    "rows of an empty table, by TRUNCATE": ("TRUNCATE below", "SELECT 1"),
    "an empty table": (
        "DROP TABLE below",
        "CREATE TABLE below (id int PRIMARY KEY, odd int NOT NULL REFERENCES odd, note text)",
    ),
    "column of NULLs": ("ALTER TABLE rare DROP COLUMN spare", "ALTER TABLE rare ADD COLUMN spare txid_snapshot"),
    "column of NULLs, cast": (
        "ALTER TABLE seen ALTER at TYPE varchar(9) USING left(at::text, 9)",
        "ALTER TABLE seen ALTER at TYPE txid_snapshot USING at::txid_snapshot",
    ),
    "column of NULLs, written": ("UPDATE rare SET code = NULL", "SELECT 1"),
    "a case that no row has": ("UPDATE people SET kind = replace(kind, 'legacy', 'old')", "SELECT 1"),
    "a case that no row of a partition has": ("UPDATE days SET note = replace(note, 'legacy', 'old')", "SELECT 1"),
    "rows that nobody has": ("UPDATE people SET kind = 'x' WHERE md5(kind) = 'none'", "SELECT 1"),
    "rows that a block does not find": ("DO $$ BEGIN DELETE FROM people WHERE kind = 'none'; END $$", "SELECT 1"),
}
# Nothing can be lost by these, whatever the rows.
KEPT = {
    "new column": ("ALTER TABLE odd ADD COLUMN more int", "ALTER TABLE odd DROP COLUMN more"),
    "index": ("CREATE INDEX odd_note ON odd (note)", "DROP INDEX odd_note"),
    "another name": ("ALTER TABLE rare RENAME COLUMN code TO word", "ALTER TABLE rare RENAME COLUMN word TO code"),
    "another table's name": ("ALTER TABLE odd RENAME TO even", "ALTER TABLE even RENAME TO odd"),
    "other columns written": ("UPDATE rare SET note = note || 'x'", "UPDATE rare SET note = left(note, -1)"),
}


def _verified(
    server: Server, history: History, steps: dict[str, tuple[str, str]], only: str
) -> tuple[VerificationReport, dict[str, Reversibility | None]]:
    """Verify a revision for each step; return the report, and what was certified of each step, by name."""
    history.add("first", None, TABLES)
    last = "first"
    for number, (up, down) in enumerate(steps.values()):
        history.add(f"r{number}", last, f"op.execute({up!r})", f"op.execute({down!r})")
        last = f"r{number}"
    config = history.plain_ini()
    asked = VerificationRequest("first:heads", only, certificates=config.parent / "c.json")
    report = verified(server, config, asked, rows=100)
    kinds = [proof.certificate.reversibility if proof.certificate else None for proof in report.proofs]
    return report, dict(zip(steps, kinds, strict=True))


@pytest.mark.some(1)
@pytest.mark.long
@pytest.mark.parametrize("only", ["round-trip", "round-trip,repeat"])
def test_a_loss_that_no_row_could_show_is_not_exact(server: Server, history: History, only: str) -> None:
    """Columns and tables without a value, and rows that nobody has: the proof is not given, and says why."""
    report, found = _verified(server, history, LOSSES, only)

    assert found == dict.fromkeys(LOSSES)
    assert [str(one) for proof in report.proofs for one in proof.diagnostics if proof.failed] == []
    assert all(proof.not_seen for proof in report.proofs)
    assert {one.code for proof in report.proofs for one in proof.diagnostics} == {"loss-not-seen", "not-seen-at-work"}
    text = verification_text.render(report)
    assert f"{len(LOSSES)} not proved" in text
    assert "NOT PROVED    r0" in text
    assert all(one["not_seen"] for one in json.loads(verification_json.render(report))["revisions"])


@pytest.mark.long
def test_what_loses_nothing_stays_exact(server: Server, history: History) -> None:
    """New columns, indexes and names are exact on tables and columns without a value, too."""
    _, found = _verified(server, history, KEPT, "round-trip")

    assert found == dict.fromkeys(KEPT, Reversibility.EXACT)


@pytest.mark.long
def test_an_accepted_loss_is_lossy(server: Server, history: History, tmp_path: Path) -> None:
    """A revision that declares such a loss gets its certificate, and no word that the declaration is not needed."""
    up, down = LOSSES["column of NULLs"]
    history.add("first", None, TABLES)
    history.add("last", "first", f"op.execute({up!r})", f"op.execute({down!r})")
    path = next(history.folder.glob("*last*"))
    declaration = '\nlossy_downgrade = {"public.rare.spare": "nobody has one"}\n'
    path.write_text(path.read_text(encoding="utf-8") + declaration, encoding="utf-8")
    asked = VerificationRequest("first:last", "round-trip", certificates=tmp_path / "c.json")
    (proof,) = verified(server, history.plain_ini(), asked, rows=100).proofs

    assert proof.certificate is not None
    assert proof.certificate.reversibility is Reversibility.LOSSY
    assert [*proof.certificate.losses] == ["public.rare.spare"]
    assert [one.code for one in proof.diagnostics] == []


@pytest.mark.long
def test_a_password_that_the_downgrade_may_not_set_back(server: Server, history: History) -> None:
    """It is a secret, and nobody can say whether it is the same word again: such a downgrade is not called exact."""
    steps = (
        ("CREATE ROLE app PASSWORD 'one'", "DROP ROLE app"),
        ("ALTER ROLE app PASSWORD 'two'", "SELECT 1"),
        ("ALTER ROLE app LOGIN", "ALTER ROLE app NOLOGIN"),
    )
    for number, (up, down) in enumerate(steps, 1):
        before = f"r{number - 1}" if number > 1 else None
        history.add(f"r{number}", before, f"op.execute({up!r})", f"op.execute({down!r})")
    config = history.plain_ini()
    # an embedded sandbox of its own, whose databases do not share their roles
    request = ProjectRequest(config=config, major=server.major, rows=5, jobs=1)
    asked = VerificationRequest("base:heads", "round-trip", certificates=config.parent / "c.json")
    report = verify_revisions(request, asked, lambda *_: None)

    kinds = [proof.certificate.reversibility if proof.certificate else None for proof in report.proofs]
    assert kinds == [Reversibility.EXACT, None, Reversibility.EXACT]
    text = " ".join(verification_text.render(report).split())
    assert "the password of role app was set, and whether the downgrade sets it back cannot be read" in text
    assert "SCRAM" not in text
