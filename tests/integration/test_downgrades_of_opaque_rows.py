"""A downgrade whose library cannot read made-up bytes or documents neither refuses nor fails for certain."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

pytestmark = [pytest.mark.one_major, pytest.mark.long]

TABLE = "CREATE TABLE notes (id int PRIMARY KEY, body bytea, name text)"
UPGRADE = 'op.add_column("notes", sa.Column("size", sa.Integer()))'
EACH = 'for row in op.get_bind().execute(sa.text("SELECT body FROM notes WHERE body IS NOT NULL")):'
DROP = 'op.drop_column("notes", "size")'
UNREADABLE = f"import zlib\n{EACH}\n    zlib.decompress(row.body)\n{DROP}"
BROKEN = f"import zlib\nzlib.decompress(b'never')\n{DROP}"
REFUSES = "class OneWayError(Exception):\n    pass\nraise OneWayError('the notes were encrypted anew')"


def test_what_a_library_cannot_read_is_no_refusal(server: Server, history: History) -> None:
    """On rows without bytes the downgrade succeeds, which proves nothing; where it fails there, too, it fails."""
    history.add("base0", None, f"op.execute({TABLE!r})")
    for name, downgrade in (("unreadable", UNREADABLE), ("broken", BROKEN), ("refuses", REFUSES)):
        history.add(name, "base0", UPGRADE, downgrade)
    config = history.plain_ini()
    asked = VerificationRequest("base0:heads", "round-trip", certificates=config.parent / "c.json")
    proofs = {proof.analysis.trace.revision: proof for proof in verified(server, config, asked, rows=50).proofs}
    codes = {name: {one.code for one in proof.diagnostics} for name, proof in proofs.items()}
    trips = {name: proof.trip for name, proof in proofs.items() if proof.trip is not None}

    assert trips["unreadable"].reversibility is Reversibility.EXACT
    assert proofs["unreadable"].not_seen
    assert "rows-must-fit" in {one.code for one in proofs["unreadable"].analysis.diagnostics}
    assert trips["broken"].refusal is None
    assert {"downgrade-fails", "rows-must-fit"} & codes["broken"] == {"downgrade-fails"}
    assert trips["refuses"].refusal is not None
