"""A downgrade that takes rows which the upgrade found there already is no exact one."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

TABLES = """
op.execute("CREATE TABLE roles (id serial PRIMARY KEY, name text NOT NULL UNIQUE, rank int DEFAULT 1)")
op.execute("CREATE TABLE words (word text, meaning text)")
"""
AWAY = "DELETE FROM roles WHERE name = 'admin'"
ROLE = "INSERT INTO roles (name) VALUES ('admin')"
ROLE_OF_OURS = "INSERT INTO roles (name, ours) VALUES ('admin', true) ON CONFLICT DO NOTHING"
LOSSY = {
    "nothing on conflict": (f"{ROLE} ON CONFLICT DO NOTHING", AWAY),
    "update on conflict": (f"{ROLE} ON CONFLICT (name) DO UPDATE SET rank = 2", AWAY),
    "where it does not exist": (
        "INSERT INTO words SELECT 'a', 'b' WHERE NOT EXISTS (SELECT FROM words WHERE word = 'a')",
        "DELETE FROM words WHERE word = 'a'",
    ),
    "in a block": (
        f"DO $$ BEGIN {ROLE}; EXCEPTION WHEN unique_violation THEN NULL; END $$",
        AWAY,
    ),
    "beside a new column": (
        f"ALTER TABLE roles ADD COLUMN note text; {ROLE} ON CONFLICT DO NOTHING",
        f"{AWAY}; ALTER TABLE roles DROP COLUMN note",
    ),
}
EXACT = {
    "it refuses them": (ROLE, AWAY),
    "it marks its own": (
        f"ALTER TABLE roles ADD COLUMN ours bool; {ROLE_OF_OURS}",
        "DELETE FROM roles WHERE ours; ALTER TABLE roles DROP COLUMN ours",
    ),
    "it adds them twice": ("INSERT INTO words VALUES ('a', 'b')", "DELETE FROM words WHERE word = 'a'"),
}


def _verified(server: Server, history: History, up: str, down: str, only: str) -> RevisionProof:
    history.add("first", None, TABLES)
    bodies = ("\n".join(f"op.execute({text!r})" for text in steps.split("; ")) for steps in (up, down))
    history.add("last", "first", *bodies)
    config = history.plain_ini()
    asked = VerificationRequest("first:last", only, certificates=config.parent / "c.json")
    (proof,) = verified(server, config, asked, rows=100).proofs
    return proof


@pytest.mark.long
@pytest.mark.some(4)
@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        *((steps, None) for steps in LOSSY.values()),
        *((steps, Reversibility.EXACT) for steps in EXACT.values()),
    ],
    ids=[*LOSSY, *EXACT],
)
@pytest.mark.few(1)
def test_rows_that_were_there(
    server: Server, history: History, steps: tuple[str, str], kind: Reversibility | None
) -> None:
    """Rows that an upgrade leaves where they are and its downgrade takes are a loss; where it refuses them, none."""
    up, down = steps
    proof = _verified(server, history, up, down, "round-trip")

    assert (proof.certificate.reversibility if proof.certificate else None) is kind, [
        str(one) for one in proof.diagnostics
    ]
    if kind is None:
        (error,) = [one for one in proof.diagnostics if one.code == "undeclared-loss"]
        assert "1 of" in error.message
        assert "exist already" in error.message
        assert error.fix is not None
        assert "lossy_downgrade" in error.fix


def test_running_numbers_are_no_loss(server: Server, history: History) -> None:
    """A row whose key a sequence gives gets another one each time; that is exact."""
    proof = _verified(server, history, ROLE, AWAY, "round-trip,repeat")

    assert proof.certificate is not None, [str(one) for one in proof.diagnostics]
    assert proof.certificate.reversibility is Reversibility.EXACT
    assert proof.repetition is not None
    assert (proof.repetition.kills, proof.repetition.survived) == (1, 1)
