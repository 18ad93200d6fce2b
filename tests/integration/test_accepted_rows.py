"""Of the rows that a revision refuses, only those are taken out: the others still show what it loses."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.proof import RevisionProof
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified


def proof_of(server: Server, history: History, made: str, up: str, down: str) -> RevisionProof:
    """Return the round trip of a change of a table that is made before."""
    history.add("a", None, f"op.execute({made!r})")
    history.add("b", "a", f"op.execute({up!r})", f"op.execute({down!r})")
    config = history.plain_ini()
    asked = VerificationRequest("b", "round-trip", certificates=config.parent / "c.json")
    (proof,) = verified(server, config, asked, rows=200).proofs
    return proof


@pytest.mark.parametrize(
    ("made", "up", "down", "exact"),
    [
        ("v numeric", "ALTER TABLE t ALTER v TYPE numeric(10, 4)", "ALTER TABLE t ALTER v TYPE numeric", False),
        ("v jsonb", "UPDATE t SET v = v - 'theme'", "SELECT 1", False),
        ("v bigint", "ALTER TABLE t ALTER v TYPE integer", "ALTER TABLE t ALTER v TYPE bigint", True),
        ("v varchar(90)", "ALTER TABLE t ALTER v TYPE varchar(20)", "ALTER TABLE t ALTER v TYPE varchar(90)", True),
        ("v text", "ALTER TABLE t ALTER v SET NOT NULL", "ALTER TABLE t ALTER v DROP NOT NULL", True),
    ],
)
def test_what_is_left_shows_the_loss(
    server: Server, history: History, made: str, up: str, down: str, exact: bool
) -> None:
    """Numbers that do not overflow are rounded, and nothing is proved of a key; what merely has to fit comes back."""
    proof = proof_of(server, history, f"CREATE TABLE t (id int PRIMARY KEY, {made})", up, down)

    certificate = proof.certificate
    assert (certificate is not None and certificate.reversibility is Reversibility.EXACT) is exact
    assert "rows-must-fit" in {diagnostic.code for diagnostic in proof.diagnostics}
    assert proof.analysis.trace.tables["public.t"].rows > 100
