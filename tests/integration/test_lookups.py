"""Rows that are looked up in tables as small as `migrate verify` fills: they are no scans of a table of the target."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = [pytest.mark.one_major, pytest.mark.long]

ROWS = 200  # the default of `migrate verify`
_TAKEN = "list(op.get_bind().execute(sa.text('SELECT id FROM users ORDER BY id DESC LIMIT 20')).scalars())"
_TABLE = """
table = op.create_table("admins", sa.Column("user_id", sa.BigInteger(), sa.ForeignKey("users.id"), primary_key=True))
"""
_INSERTED = 'op.bulk_insert(table, [{"user_id": one} for one in taken])'


@pytest.mark.parametrize(
    ("written", "expected"),
    [(_INSERTED, set()), ('op.execute("INSERT INTO admins SELECT id FROM users")', {"expand-blocks"})],
)
def test_keys_of_a_new_table_are_looked_up(written: str, expected: set[str], server: Server, history: History) -> None:
    """An expand may fill a new table with a few rows that refer to others, but not with a read of all of these."""
    history.add("r1", None, 'op.execute("CREATE TABLE users (id bigint PRIMARY KEY, email text, name text)")')
    history.add("r2", "r1", f"taken = {_TAKEN}\n{_TABLE}\n{written}", 'op.drop_table("admins")')
    path = history.folder / "r2.py"
    text = path.read_text(encoding="utf-8").replace('"""r2"""', '"""r2\n\nPhase: expand\n"""')
    path.write_text(text, encoding="utf-8")
    asked = VerificationRequest("r2", "compat", history.folder.parent / "certificates.json")
    (proof,) = verified(server, history.plain_ini(), asked, rows=ROWS).proofs

    assert {diagnostic.code for diagnostic in proof.diagnostics} == expected
