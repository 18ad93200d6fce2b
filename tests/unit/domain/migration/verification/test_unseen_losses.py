"""What may be lost and had no value in the sandbox."""

import pytest

from domain.migration.locks import LockMode
from domain.migration.trace import RowCounts, StatementTrace
from domain.migration.verification.unseen_losses import ONLY_DEFAULT, losses_not_seen
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    column,
    revision,
    step,
    updated,
    without,
)

NAME = f"{USERS}.name"
EVERY = frozenset({f"{USERS}.id", f"{USERS}.email", NAME})
WRITE = step("UPDATE users SET name = email", 1, LockMode.ROW_EXCLUSIVE)


def test_a_table_without_values_that_may_be_written() -> None:
    """By a lock for writes, a rewrite, a statement within a block, or the text of one of several statements."""
    sentence = f"{USERS} may be written, but had no row in the sandbox"
    for statement in (
        WRITE,
        step("ALTER TABLE users", rewritten=(USERS,)),
        step("CALL f()", used_within=(USERS,)),
        step("UPDATE users SET name = email"),
    ):
        assert losses_not_seen(revision(statement, valueless=EVERY))[USERS] == sentence
    for statement in (
        step("ALTER TABLE users", 1, LockMode.ACCESS_EXCLUSIVE),
        step("UPDATE orders SET id = 1", locks={ORDERS: LockMode.ROW_EXCLUSIVE}, rewritten=(ORDERS,)),
        step("CALL f()", used_within=(ORDERS,)),
        step("INSERT INTO users VALUES (1)", 1, LockMode.ROW_EXCLUSIVE, rows={USERS: RowCounts(inserted=1)}),
    ):
        assert USERS not in losses_not_seen(revision(statement, valueless=EVERY))


def test_a_column_with_values_makes_its_table_one_that_was_seen() -> None:
    """A computed column does not: its values are not stored for themselves."""
    some = EVERY - {f"{USERS}.id"}
    assert USERS not in losses_not_seen(revision(WRITE, valueless=some))
    computed = {**BASE, **column(f"{USERS}.id", generated="stored")}
    assert USERS in losses_not_seen(revision(WRITE, before=computed, valueless=some))


def test_rows_that_were_written_and_stayed_as_they_were() -> None:
    """Where an UPDATE gave each row the value that it had, what it does to others is not known."""
    wrote = step("UPDATE users SET name = name", rows=updated())
    sentence = {USERS: f"rows of {USERS} were written, but no value changed in the sandbox"}
    assert losses_not_seen(revision(wrote, unchanged=frozenset({USERS}))) == sentence
    assert losses_not_seen(revision(wrote, unchanged=frozenset({ORDERS}))) == {}
    insert = step("INSERT INTO users", rows={USERS: RowCounts(inserted=5)})
    assert losses_not_seen(revision(insert, unchanged=frozenset({USERS}))) == {}


def test_a_column_that_had_only_its_default() -> None:
    """It is named where it goes, alone or with its table, and only if no other value could be made."""
    drop_column = step("ALTER TABLE users DROP COLUMN name", dropped=changed("table column", NAME))
    drop_table = step("DROP TABLE users", dropped=changed("table", USERS))
    sentence = f"{NAME} is dropped, but had no value other than its default in the sandbox"
    for statement, unmade, is_named in (
        (drop_column, f"{ONLY_DEFAULT}, as no other value fits", True),
        (drop_table, f"{ONLY_DEFAULT}, as no other value fits", True),
        (step("SELECT 1"), f"{ONLY_DEFAULT}, as no other value fits", False),
        (drop_column, "no empty text, which a check refuses", False),
    ):
        unseen = losses_not_seen(revision(statement, unmade_edges={NAME: unmade}))
        assert (unseen.get(NAME) == sentence) is is_named


def test_rows_that_could_not_be_read() -> None:
    """They are said where the table goes or is written."""
    drop = step("DROP TABLE users", dropped=changed("table", USERS))
    for statement, said in ((WRITE, True), (drop, True), (step("SELECT 1"), False)):
        unseen = losses_not_seen(revision(statement, unread={USERS: "permission denied"}))
        assert unseen == ({USERS: f"rows of {USERS} could not be read (permission denied)"} if said else {})


@pytest.mark.parametrize(
    ("statement", "after", "said"),
    [
        (step("DROP", dropped=changed("table column", NAME)), BASE, "is dropped, but had no value in the sandbox"),
        (step("ALTER"), {**BASE, **column(NAME, "integer")}, "gets another type, but had no value in the sandbox"),
        (step("UPDATE users SET Name = ''", rows=updated(5)), BASE, "may be written, but had no value in the sandbox"),
        (step("UPDATE users SET names = ''", rows=updated(5)), BASE, None),
        (step("INSERT INTO users (name)", rows={USERS: RowCounts(inserted=5)}), BASE, None),
        (step("UPDATE orders SET name = ''", rows={ORDERS: RowCounts(updated=5)}), BASE, None),
        (step("ALTER"), BASE, None),
        (step("ALTER"), without(BASE, NAME), None),
    ],
)
def test_a_column_without_values(statement: StatementTrace, after: Objects, said: str | None) -> None:
    """It is dropped, gets another type, or is named by an UPDATE that wrote rows of its table."""
    unseen = losses_not_seen(revision(statement, after=after, valueless=frozenset({NAME})))
    assert unseen == ({NAME: f"{NAME} {said}"} if said else {})


def test_a_dropped_table_is_said_where_no_column_had_a_value() -> None:
    """Not one for each column, and with the reason why it has no rows."""
    drop = step("DROP TABLE users", dropped=changed("table", USERS))
    sentence = f"{USERS} is dropped, but had no row or no value in the sandbox"
    assert losses_not_seen(revision(drop, valueless=EVERY)) == {USERS: sentence}
    assert losses_not_seen(revision(drop, valueless=frozenset({NAME}))) == {}
    why = revision(drop, valueless=EVERY, unfilled={USERS: "no room"})
    assert losses_not_seen(why) == {USERS: f"{sentence} (no room)"}


def test_a_condition_of_the_downgrade_that_is_not_known() -> None:
    """It is said of tables that had rows; a downgrade that has not run has no statements."""
    block = step("DO $$ DELETE FROM users $$", unexplained=(USERS, "public.new"))
    unseen = losses_not_seen(revision(step("SELECT 1"), downgrade=(block,)))
    assert unseen == {USERS: f"the downgrade deletes rows of {USERS} by a condition within a block, which is not known"}
    assert losses_not_seen(revision(step("SELECT 1"), downgrade=None)) == {}


def test_a_password_that_is_stored_otherwise_after_the_downgrade() -> None:
    """It may be the same word, as it is salted; nobody can say, and so the proof says that."""
    unseen = losses_not_seen(revision(step("ALTER ROLE app PASSWORD '***'"), other_passwords=("app",)))
    assert unseen == {"app": "the password of role app was set, and whether the downgrade sets it back cannot be read"}
