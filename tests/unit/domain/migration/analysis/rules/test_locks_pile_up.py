"""The rule `locks-pile-up`: where it speaks, and where it does not."""

from dataclasses import replace

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE
from tests.unit.domain.migration.traces import ORDERS, codes, revision, step


def test_locks_pile_up() -> None:
    """Two tables locked one after the other in one transaction: a warning, as each lasts an instant."""
    one, two = step("ALTER TABLE users", 1, EXCLUSIVE), step("ALTER TABLE orders", 1, locks={ORDERS: EXCLUSIVE})
    assert codes(revision(one, two)) == {"locks-pile-up": "warning"}
    assert codes(revision(one, replace(two, transaction=2))) == {}
