"""The time of the last UPDATE, which a trigger keeps, is no loss; `analyze` and `verify` say the same of it."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = pytest.mark.one_major

TABLE = """
op.execute("CREATE TABLE notes (id serial PRIMARY KEY, body text, updated_at timestamptz NOT NULL DEFAULT now())")
op.execute("ALTER TABLE notes ADD COLUMN sent_at timestamp, ADD COLUMN changed_at timestamp")
op.execute('''
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.updated_at = now(); NEW.changed_at = clock_timestamp() AT TIME ZONE 'UTC'; RETURN NEW;
END $$
''')
op.execute('''
CREATE TRIGGER stamp BEFORE UPDATE ON notes FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION stamp()
''')
"""
BACKFILL = 'op.execute("ALTER TABLE notes ADD COLUMN more text")\nop.execute("UPDATE notes SET more = id WHERE id < 5")'
OF_A_REVISION = 'op.execute("UPDATE notes SET sent_at = now() WHERE id < 5")'
WITHOUT_TRIGGER = """
op.execute("ALTER TABLE notes DISABLE TRIGGER stamp")
op.execute("UPDATE notes SET updated_at = '2020-01-01' WHERE id < 5")
op.execute("ALTER TABLE notes ENABLE TRIGGER stamp")
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("upgrade", "downgrade", "lost"),
    [
        (BACKFILL, 'op.drop_column("notes", "more")', set()),
        (OF_A_REVISION, 'op.execute("SELECT 1")', {"public.notes.sent_at"}),
        (WITHOUT_TRIGGER, 'op.execute("SELECT 1")', {"public.notes.updated_at"}),
    ],
    ids=["by the trigger", "by the revision", "by the revision without the trigger"],
)
def test_only_the_time_that_a_trigger_keeps_is_no_loss(
    server: Server, history: History, upgrade: str, downgrade: str, lost: set[str]
) -> None:
    """A column is the trigger's if an UPDATE that does not set it sets it to the current time."""
    history.add("r1", None, TABLE, 'raise NotImplementedError("never")')
    history.add("r2", "r1", upgrade, downgrade)
    config = history.plain_ini()
    asked = VerificationRequest("r1:r2", "round-trip", certificates=config.parent / "c.json")
    (proof,) = verified(server, config, asked, rows=300).proofs
    assert proof.trip is not None
    assert proof.trip.reversibility is (Reversibility.LOSSY if lost else Reversibility.EXACT)
    assert {diagnostic.relation for diagnostic in proof.diagnostics if diagnostic.code == "undeclared-loss"} == lost
    said = [one for one in proof.analysis.diagnostics if one.code == "lossy-downgrade"]
    assert bool(said) is bool(lost)
