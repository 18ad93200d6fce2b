"""Which earlier statements proposed code replaces along with its own."""

import pytest

from domain.migration.analysis.taken_over import TakenOver, can_stay, comments, is_named_between, other_addition
from domain.migration.trace import RowCounts, StatementTrace
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, changed, index, revision, step

DROP = step("ALTER TABLE users DROP CONSTRAINT ck", dropped=changed("table constraint", f"ck on {USERS}"))
ADD = step("ALTER TABLE users ADD CONSTRAINT ck CHECK (name <> '')")


def test_statements_are_named_once_and_in_order() -> None:
    """Numbers count from 1, as in messages."""
    items = [TakenOver(4, "ADD COLUMN b"), TakenOver(0, "ADD COLUMN a"), TakenOver(4, "ADD COLUMN b")]
    assert comments(items) == "# Take out ADD COLUMN a (statement 1).\n# Take out ADD COLUMN b (statement 5).\n"


@pytest.mark.parametrize(
    ("between", "stays"),
    [
        (step("UPDATE orders SET total = 1", rows={ORDERS: RowCounts(updated=5)}), True),
        (step("UPDATE users SET name = ''", rows={USERS: RowCounts(updated=5)}), False),
        (step("UPDATE users SET name = '' WHERE false", rows={USERS: RowCounts()}), True),
        (step("ALTER TABLE users ALTER name TYPE text", altered=changed("table column", f"{USERS}.name")), False),
        (step("ALTER TABLE orders ALTER total TYPE int", altered=changed("table column", f"{ORDERS}.total")), True),
        (step("ALTER TABLE users DROP name", dropped=changed("table column", f"{USERS}.name")), False),
        (step("DROP INDEX ix", dropped=changed("index", "public.ix")), True),
        (step("DROP INDEX other", dropped=changed("index", "public.other")), False),
        (step("ALTER TABLE orders DROP CONSTRAINT pk", dropped=changed("table constraint", f"pk on {ORDERS}")), False),
    ],
)
def test_what_a_constraint_could_be_in_the_way_of(between: StatementTrace, stays: bool) -> None:
    """Rows that are written, columns that change, and what goes from another table."""
    before = {**BASE, **index("ix", USERS), **index("other", ORDERS)}
    assert can_stay(revision(DROP, between, ADD, before=before), USERS, 0, 2) is stays


def test_a_column_is_named_between_two_statements() -> None:
    """The two statements themselves do not count."""
    use = step("CREATE INDEX ix ON users (plan)")
    add = step("ALTER TABLE users ADD plan text", created=changed("table column", f"{USERS}.plan"))
    assert not is_named_between(revision(add, ADD, use), 0, 2, f"{USERS}.plan")
    assert is_named_between(revision(add, use, ADD), 0, 2, f"{USERS}.plan")


def test_another_addition_of_a_column() -> None:
    """That of the statement itself is replaced anyway."""
    add = step("ALTER TABLE users ADD plan text", created=changed("table column", f"{USERS}.plan"))
    assert other_addition(revision(DROP, add), 0, f"{USERS}.plan") == "# Take out ADD COLUMN plan (statement 2).\n"
    assert other_addition(revision(DROP, add), 1, f"{USERS}.plan") == ""
    assert other_addition(revision(DROP, add), None, f"{USERS}.name") == ""
