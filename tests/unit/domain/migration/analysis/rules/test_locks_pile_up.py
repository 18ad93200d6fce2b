"""The rule `locks-pile-up`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.rules.locks_pile_up import CODE
from domain.migration.statistics import Statistics
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE
from tests.unit.domain.migration.traces import ORDERS, TABLES, USERS, codes, revision, step


def test_locks_pile_up() -> None:
    """Two tables locked one after the other in one transaction: a warning, as each lasts an instant."""
    one, two = step("ALTER TABLE users", 1, EXCLUSIVE), step("ALTER TABLE orders", 1, locks={ORDERS: EXCLUSIVE})
    assert codes(revision(one, two)) == {"locks-pile-up": "warning"}
    assert codes(revision(one, replace(two, transaction=2))) == {}


def test_the_message_agrees_with_the_number_of_tables() -> None:
    """One table is locked already, two are; two stay locked, or all of them."""
    names = [USERS, ORDERS, "public.pets"]
    steps = [step(f"ALTER TABLE {name}", 1, locks={name: EXCLUSIVE}) for name in names]
    trace = revision(*steps, tables={**TABLES, "public.pets": TABLES[USERS]})
    second, third = (one.message for one in judge(trace, Statistics.unknown(), all_rules()) if one.code == CODE)

    assert "while public.users is locked already; both stay locked until" in second
    assert "while public.users, public.orders are locked already; all of them stay locked until" in third
