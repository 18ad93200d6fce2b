"""Rows of materialized views, which a downgrade of their tables does not change."""

import pytest

from adapter.bootstrap.verify import VerificationRequest
from domain.migration.verification.round_trip import Reversibility
from tests.conftest import Server
from tests.history import History
from tests.use_cases import verified

SCHEMA = """
CREATE TABLE notes (id int PRIMARY KEY, n int NOT NULL CHECK (n < 1000));
CREATE MATERIALIZED VIEW totals AS SELECT id, n FROM notes; CREATE UNIQUE INDEX ON totals (id);
"""
UP, DOWN = (f"UPDATE notes SET n = n {sign} 1" for sign in "+-")
REFRESH, CONCURRENTLY = (f"; REFRESH MATERIALIZED VIEW{how} totals" for how in ("", " CONCURRENTLY"))


@pytest.mark.one_major
@pytest.mark.parametrize(
    ("up", "down", "is_seen"),
    [
        (UP + REFRESH, DOWN, False),
        (UP + CONCURRENTLY, DOWN, False),
        (UP + REFRESH, DOWN + REFRESH, True),
        (UP + CONCURRENTLY, DOWN + CONCURRENTLY, True),
        (REFRESH[2:], "SELECT 1", True),
    ],
)
def test_a_view_that_only_the_upgrade_computes_is_not_proved(
    server: Server, history: History, up: str, down: str, is_seen: bool
) -> None:
    """The table is as before, and the view still has the rows of the upgrade; a REFRESH of the same rows is exact."""
    project = history.plain_ini()
    history.add("made", None, f"op.execute({SCHEMA!r})")
    history.add("changed", "made", f"op.execute({up!r})", f"op.execute({down!r})")
    asked = VerificationRequest("made:heads", "round-trip", certificates=project.parent / "c.json")
    (proof,) = verified(server, project, asked, rows=20).proofs

    assert proof.trip is not None
    assert proof.trip.reversibility is Reversibility.EXACT
    assert ("public.totals" in proof.trip.unseen) is not is_seen
