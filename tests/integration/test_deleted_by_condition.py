"""A downgrade that deletes rows by a condition which rows of before the upgrade may meet is not called exact."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = [pytest.mark.one_major, pytest.mark.long]

TABLES = """
CREATE TABLE notes (id bigint PRIMARY KEY, kind text, body varchar(20), made date NOT NULL);
CREATE TABLE codes (code varchar(8) PRIMARY KEY, plan text CHECK (plan IN ('biz', 'pro')), n int NOT NULL);
CREATE TABLE tags (id serial PRIMARY KEY, name text NOT NULL)
"""
# What the upgrade does, and what the downgrade does.
PERHAPS_DELETED = {
    "ids beyond a number": (
        "INSERT INTO notes SELECT id + 1000000, kind, body, made FROM notes",
        "DELETE FROM notes WHERE id >= 1000000",
    ),
    "a prefix": (
        "INSERT INTO notes SELECT id + 1000000, 'copy of ' || coalesce(kind, ''), body, made FROM notes",
        "DELETE FROM notes WHERE kind LIKE 'copy of %'",
    ),
    "a day": (
        "INSERT INTO notes SELECT id + 1000000, kind, body, date '1850-01-01' FROM notes",
        "DELETE FROM notes WHERE made < '1900-01-01'",
    ),
    "a word without a key": ("INSERT INTO tags (name) VALUES ('admin')", "DELETE FROM tags WHERE name = 'admin'"),
    "rows that a loop has found": (
        "INSERT INTO tags (name) VALUES ('admin')",
        """for row in op.get_bind().execute(sa.text("SELECT id FROM tags WHERE name = 'admin'")).all():
    op.get_bind().execute(sa.text("DELETE FROM tags WHERE id = :id"), {"id": row.id})""",
    ),
    "words in a script": (
        "INSERT INTO tags (name) VALUES ('admin;root')",
        "DELETE FROM tags WHERE name = 'admin;root'; DELETE FROM tags WHERE name = 'nobody'",
    ),
    "a word in a block": (
        "INSERT INTO tags (name) VALUES ('admin')",
        "DO $$ BEGIN DELETE FROM tags WHERE name = 'admin'; END $$",
    ),
    "a variable in a block": (
        "INSERT INTO tags (name) VALUES ('admin')",
        "DO $$ DECLARE word text := 'admin'; BEGIN DELETE FROM tags WHERE name = word; END $$",
    ),
    "a cursor in a block": (
        "INSERT INTO tags (name) VALUES ('admin')",
        (
            "DO $$ DECLARE found CURSOR FOR SELECT FROM tags WHERE name = 'admin'; BEGIN FOR row IN found LOOP"
            " DELETE FROM tags WHERE CURRENT OF found; END LOOP; END $$"
        ),
    ),
    "a variable that hides a column in a block": (
        "INSERT INTO tags (name) VALUES ('admin')",
        (
            "DO $$ #variable_conflict use_variable\nDECLARE name text := 'admin'; BEGIN"
            " DELETE FROM tags WHERE tags.name = name; END $$"
        ),
    ),
    "what nobody can guess": (
        "INSERT INTO tags (name) VALUES ('admin')",
        "DELETE FROM tags WHERE md5(name) = '21232f297a57a5a743894a0e4a801fc3'",
    ),
}
UNKNOWN = {
    "a variable in a block",
    "a cursor in a block",
    "a variable that hides a column in a block",
    "what nobody can guess",
}
KEPT = {
    "the key is taken": (
        "INSERT INTO codes VALUES ('new', 'biz', 1)",
        "DELETE FROM codes WHERE code = 'new'",
    ),
    "the value is forbidden before": (
        "ALTER TABLE codes DROP CONSTRAINT codes_plan_check; INSERT INTO codes VALUES ('e', 'ent', 1)",
        "DELETE FROM codes WHERE plan = 'ent'; ALTER TABLE codes ADD CHECK (plan IN ('biz', 'pro'))",
    ),
    "the type is too narrow before": (
        "ALTER TABLE notes ALTER body TYPE text; INSERT INTO notes VALUES (-9, 'x', repeat('y', 99), '2024-01-01')",
        "DELETE FROM notes WHERE length(body) > 20; ALTER TABLE notes ALTER body TYPE varchar(20)",
    ),
    "the number is too large before": (
        "ALTER TABLE codes ALTER n TYPE bigint; INSERT INTO codes VALUES ('e', 'biz', 3000000000)",
        "DELETE FROM codes WHERE n > 2147483647; ALTER TABLE codes ALTER n TYPE int",
    ),
    "NULL is forbidden before": (
        "ALTER TABLE codes ALTER n DROP NOT NULL; INSERT INTO codes VALUES ('e', 'biz', NULL)",
        "DELETE FROM codes WHERE n IS NULL; ALTER TABLE codes ALTER n SET NOT NULL",
    ),
    "the column is new": (
        "ALTER TABLE tags ADD COLUMN source text; INSERT INTO tags (name, source) VALUES ('a', 'upgrade')",
        "DELETE FROM tags WHERE source = 'upgrade'; ALTER TABLE tags DROP COLUMN source",
    ),
}


def proofs_of(server: Server, history: History, cases: dict[str, tuple[str, str]]) -> dict[str, RevisionProof]:
    """Verify each case as a branch of its own; statements are parted where no script needs them together."""

    def code(name: str, text: str) -> str:
        if text.startswith("for "):
            return text
        whole = name.endswith(("in a script", "in a block"))
        return "\n".join(f"op.execute({statement!r})" for statement in ([text] if whole else text.split("; ")))

    history.add("base0", None, f"op.execute({TABLES!r})", 'raise NotImplementedError("never")')
    for number, (name, (upgrade, downgrade)) in enumerate(cases.items()):
        history.add(f"case{number}", "base0", code("", upgrade), code(name, downgrade))
    config = history.plain_ini()
    asked = VerificationRequest("base0:heads", "round-trip", certificates=config.parent / "c.json")
    proofs = {proof.analysis.trace.revision: proof for proof in verified(server, config, asked, rows=200).proofs}
    return {name: proofs[f"case{number}"] for number, name in enumerate(cases)}


def test_rows_that_may_be_deleted_prove_nothing(server: Server, history: History) -> None:
    """If a row met the condition before, the downgrade deletes it; whether one did, only the target knows."""
    proofs = proofs_of(server, history, PERHAPS_DELETED)
    unseen = {
        name
        for name, proof in proofs.items()
        if proof.not_seen and "loss-not-seen" in {diagnostic.code for diagnostic in proof.diagnostics}
    }
    assert unseen == PERHAPS_DELETED.keys()
    warned = {
        name
        for name, proof in proofs.items()
        if any(
            found.code == "lossy-downgrade" and found.severity.value == "warning"
            for found in proof.analysis.diagnostics
        )
    }
    assert warned == PERHAPS_DELETED.keys() - UNKNOWN


def test_a_condition_that_no_row_can_have_met_is_no_loss(server: Server, history: History) -> None:
    """Where a constraint, a type or the key forbids such rows before the upgrade, the round trip is exact."""
    proofs = proofs_of(server, history, KEPT)
    found = {
        name: (proof.trip and proof.trip.reversibility, proof.not_seen, [str(one) for one in proof.diagnostics])
        for name, proof in proofs.items()
    }
    assert found == dict.fromkeys(KEPT, (Reversibility.EXACT, False, []))
