"""A downgrade that cannot tell changed values from those that were there before is not called exact."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

TABLES = """
op.execute("CREATE TYPE state AS ENUM ('new', 'paid')")
op.execute("CREATE TABLE people (id serial PRIMARY KEY, role text NOT NULL DEFAULT 'user', tier text, kind text,"
           " tags text[] NOT NULL DEFAULT '{}', prefs jsonb NOT NULL DEFAULT '{}', note text)")
op.execute("CREATE TABLE orders (id serial PRIMARY KEY, state state NOT NULL, code text UNIQUE, plan text)")
op.execute("ALTER TABLE orders ADD CONSTRAINT plans CHECK (plan IN ('biz', 'pro'))")
"""
LOOP = """
connection = op.get_bind()
for old in ("m1", "m2", "m3"):
    connection.execute(sa.text("UPDATE people SET kind = 'm' WHERE kind = :old"), {"old": old})
"""
MERGED_PERHAPS = {
    "NULL into a value": (
        "UPDATE people SET tier = 'free' WHERE tier IS NULL",
        "UPDATE people SET tier = NULL WHERE tier = 'free'",
    ),
    "one value into another": (
        "UPDATE people SET kind = 'enterprise' WHERE kind = 'biz'",
        "UPDATE people SET kind = 'biz' WHERE kind = 'enterprise'",
    ),
    "one prefix into another": (
        "UPDATE people SET kind = replace(kind, 'every ', '@') WHERE kind LIKE 'every %'",
        "UPDATE people SET kind = replace(kind, '@', 'every ') WHERE kind LIKE '@%'",
    ),
    "an element, a key, and a path that may be there": (
        """UPDATE people SET tags = array_append(tags, 'v2');
        UPDATE people SET prefs = jsonb_set(prefs, '{theme}', '1') WHERE jsonb_typeof(prefs) = 'object'""",
        """UPDATE people SET tags = array_remove(tags, 'v2');
        UPDATE people SET prefs = prefs #- '{theme}' WHERE jsonb_typeof(prefs) = 'object'""",
    ),
    "a part of a text that may be there": (
        "UPDATE people SET note = note || ' (old)'",
        "UPDATE people SET note = replace(note, ' (old)', '')",
    ),
}
MERGED = {
    "two values into one, by CASE": (
        "UPDATE people SET kind = CASE kind WHEN 'gold' THEN 'pro' ELSE kind END",
        "UPDATE people SET kind = CASE kind WHEN 'pro' THEN 'gold' ELSE kind END",
    ),
    "two values into one": (
        "UPDATE people SET role = 'member' WHERE role IN ('user', 'guest')",
        "UPDATE people SET role = 'user' WHERE role = 'member'",
    ),
    "three values into one, by a loop": (LOOP, "UPDATE people SET kind = 'm1' WHERE kind = 'm'"),
}
KEPT = {
    "the value is forbidden before": (
        "ALTER TABLE orders DROP CONSTRAINT plans; UPDATE orders SET plan = 'enterprise' WHERE plan = 'biz'",
        """UPDATE orders SET plan = 'biz' WHERE plan = 'enterprise';
        ALTER TABLE orders ADD CONSTRAINT plans CHECK (plan IN ('biz', 'pro'))""",
    ),
    "the value is in the way": (
        "UPDATE orders SET code = 'new' WHERE code = 'old'",
        "UPDATE orders SET code = 'old' WHERE code = 'new'",
    ),
    "only what was put before is cut off": (
        "UPDATE people SET note = 'old: ' || note",
        "UPDATE people SET note = substr(note, 6)",
    ),
    "the old values are kept": (
        """ALTER TABLE people ADD COLUMN was text; UPDATE people SET was = role;
        UPDATE people SET role = 'member' WHERE role IN ('user', 'guest')""",
        "UPDATE people SET role = was; ALTER TABLE people DROP COLUMN was",
    ),
}


def proved(server: Server, history: History, upgrade: str, downgrade: str) -> RevisionProof:
    """Verify one revision on people and orders; SQL stands for the statements in it."""

    def code(text: str) -> str:
        return text if text is LOOP else "\n".join(f"op.execute({statement!r})" for statement in text.split(";"))

    history.add("r1", None, TABLES, 'raise NotImplementedError("never")')
    history.add("r2", "r1", code(upgrade), code(downgrade))
    config = history.plain_ini()
    asked = VerificationRequest("r1:r2", "round-trip", certificates=config.parent / "c.json")
    (proof,) = verified(server, config, asked, rows=300).proofs
    return proof


@pytest.mark.long
@pytest.mark.parametrize("name", MERGED_PERHAPS)
def test_values_that_may_be_merged_prove_nothing(server: Server, history: History, name: str) -> None:
    """If a row had the new value before, it is not as before; whether one had, only the target knows."""
    proof = proved(server, history, *MERGED_PERHAPS[name])
    assert proof.trip is not None
    assert proof.not_seen
    assert "upgrade-differs-again" not in {diagnostic.code for diagnostic in proof.diagnostics}
    assert {diagnostic.code for diagnostic in proof.diagnostics if "if there are any" in diagnostic.message} == {
        "loss-not-seen"
    }
    warnings = [found for found in proof.analysis.diagnostics if found.code == "lossy-downgrade"]
    assert warnings
    for warning in warnings:
        assert (warning.severity.value, "if there are any" in warning.message) == ("warning", True)


@pytest.mark.long
@pytest.mark.parametrize("name", MERGED)
def test_merged_values_are_a_loss(server: Server, history: History, name: str) -> None:
    """Where the upgrade itself names several values and makes one of them, a row is not as before."""
    proof = proved(server, history, *MERGED[name])
    assert proof.trip is not None
    assert proof.trip.reversibility is Reversibility.LOSSY
    assert "undeclared-loss" in {diagnostic.code for diagnostic in proof.diagnostics}
    assert proof.analysis.verdict == "unsafe"


@pytest.mark.long
@pytest.mark.parametrize("name", KEPT)
def test_a_value_that_no_row_can_have_is_no_loss(server: Server, history: History, name: str) -> None:
    """Where a constraint forbids the value before the upgrade, or the old values are kept, the round trip is exact."""
    proof = proved(server, history, *KEPT[name])
    assert proof.trip is not None
    assert proof.trip.reversibility is Reversibility.EXACT
