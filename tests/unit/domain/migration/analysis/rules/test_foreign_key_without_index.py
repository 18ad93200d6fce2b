"""The rule `foreign-key-without-index`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, codes, constraint, index, revision, step


def test_foreign_key_without_index() -> None:
    """Each delete of a user would read all orders."""
    after = {
        **BASE,
        **constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id) NOT VALID"),
    }
    found = diagnostic(revision(step("ADD fk"), after=after), "foreign-key-without-index")
    assert 'op.create_index("ix_orders_user_id", "orders", ["user_id"]' in str(found.fix)
    assert codes(revision(step("ADD fk"), after={**after, **index("ix", ORDERS, "btree (user_id, id)")})) == {}
