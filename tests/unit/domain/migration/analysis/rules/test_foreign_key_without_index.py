"""The rule `foreign-key-without-index`: where it speaks, and where it does not."""

import re

import pytest

from domain.migration.analysis.rules.foreign_key_without_index import check
from domain.migration.snapshot import Value
from domain.migration.statistics import Statistics
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    codes,
    column,
    constraint,
    index,
    revision,
    step,
    table,
    without,
)


def test_foreign_key_without_index() -> None:
    """Each delete of a user would read all orders."""
    after = {
        **BASE,
        **constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id) NOT VALID"),
    }
    found = diagnostic(revision(step("ADD fk"), after=after), "foreign-key-without-index")
    assert 'op.create_index("ix_orders_user_id", "orders", ["user_id"]' in str(found.fix)
    assert codes(revision(step("ADD fk"), after={**after, **index("ix", ORDERS, "btree (user_id, id)")})) == {}


KEY = constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id)")


@pytest.mark.parametrize(
    ("definition", "attributes", "enough"),
    [
        ("btree (user_id)", {}, True),
        ("btree (user_id DESC, id)", {}, True),
        ("btree (id, user_id)", {}, False),
        ("btree (user_id)", {"predicate": "(user_id > 3)"}, False),
    ],
)
def test_the_index_that_a_key_needs(definition: str, attributes: dict[str, Value], enough: bool) -> None:
    """Its first columns are those of the key, and it holds all rows; one of another table does not help."""
    after = {**BASE, **KEY, **index("ix", ORDERS, definition, **attributes)}
    assert ("foreign-key-without-index" not in codes(revision(step("ADD fk"), after=after))) is enough
    elsewhere = {**BASE, **KEY, **index("ix", USERS, definition, **attributes)}
    assert "foreign-key-without-index" in codes(revision(step("ADD fk"), after=elsewhere))


def test_a_key_of_two_columns_needs_both_in_any_order() -> None:
    """One of them is not enough."""
    key = constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id, id) REFERENCES public.users(a, b)")
    for definition, enough in (("btree (id, user_id)", True), ("btree (user_id)", False)):
        after = {**BASE, **key, **index("ix", ORDERS, definition)}
        assert ("foreign-key-without-index" not in codes(revision(step("ADD fk"), after=after))) is enough


def test_an_index_on_a_column_whose_name_has_a_space() -> None:
    """It is one for the key, whatever the name looks like."""
    key = constraint(f"{ORDERS}.fk", "foreign key", 'FOREIGN KEY ("the, user") REFERENCES public.users(id)')
    after = {**BASE, **column(f'{ORDERS}."the, user"'), **key}
    assert "foreign-key-without-index" in codes(revision(step("ADD fk"), after=after))
    after |= index("ix", ORDERS, 'btree ("the, user" DESC)')
    assert "foreign-key-without-index" not in codes(revision(step("ADD fk"), after=after))


def test_the_name_of_another_index_is_not_taken() -> None:
    """A partial index is none for the key, and stays: the code that would drop it has another name."""
    partial = index("ix_orders_user_id", ORDERS, "btree (user_id)", predicate="(id IS NULL)")
    fix = diagnostic(revision(step("ADD fk"), after={**BASE, **KEY, **partial}), "foreign-key-without-index").fix
    assert 'op.create_index("ix_orders_user_id_2", "orders", ["user_id"]' in str(fix)
    assert '"ix_orders_user_id"' not in str(fix)


def test_other_constraints_need_no_index() -> None:
    """A CHECK refers to nobody."""
    check = constraint(f"{ORDERS}.ck", "check", "CHECK ((note = 'FOREIGN KEY (user_id)'::text))")
    assert codes(revision(step("ADD ck"), after={**BASE, **check})) == {}


def test_the_index_of_a_new_table_is_simply_made() -> None:
    """Nobody reads it yet."""
    fresh = {**table("public.fresh", "user_id")}
    key = constraint("public.fresh.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id)")
    trace = revision(step("CREATE TABLE fresh"), after={**BASE, **fresh, **key})
    assert diagnostic(trace, "foreign-key-without-index").fix == (
        'op.create_index("ix_fresh_user_id", "fresh", ["user_id"])\n'
    )


def test_the_index_of_a_new_column_comes_in_the_next_revision() -> None:
    """The block that builds it commits, and the column would be there when the revision runs again."""
    key = constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (buyer) REFERENCES public.users(id)")
    fix = diagnostic(
        revision(step("ADD fk"), after={**BASE, **column(f"{ORDERS}.buyer"), **key}), "foreign-key-without-index"
    ).fix
    assert str(fix).startswith("# In the next revision:")
    assert "what is there now" not in str(fix)
    fix = diagnostic(
        revision(step("ADD fk"), after={**BASE, **column(f"{USERS}.user_id"), **KEY}), "foreign-key-without-index"
    ).fix
    assert str(fix).startswith("# Before the foreign key:")
    assert "...  # what is there now, then:" in str(fix)


def test_a_key_that_moved_with_its_table_is_not_new() -> None:
    """SET SCHEMA takes it along."""
    before = {**BASE, **KEY}
    after = {
        **without(BASE, ORDERS, f"{ORDERS}.id", f"{ORDERS}.user_id"),
        **table("shop.orders", "id", "user_id"),
        **constraint("shop.orders.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id)"),
    }
    move = step("ALTER TABLE orders SET SCHEMA shop")
    assert "foreign-key-without-index" not in codes(revision(move, before=before, after=after))


def test_each_key_has_an_index_of_its_own() -> None:
    """The names of two indexes differ, also where those of their columns look alike; two keys may share one."""
    definitions = {"a": "(a, b)", "b": "(a_b)", "c": "(a_b)"}
    keys = {
        key: value
        for name, columns in definitions.items()
        for key, value in constraint(
            f"{ORDERS}.{name}", "foreign key", f"FOREIGN KEY {columns} REFERENCES public.users{columns}"
        ).items()
    }
    diagnostics = check(revision(step("ADD KEYS"), after={**BASE, **keys}), Statistics())
    names = [re.findall(r'op.create_index\("(\w+)"', str(one.fix)) for one in diagnostics]
    assert names == [["ix_orders_a_b"], ["ix_orders_a_b_2"], ["ix_orders_a_b_2"]]
