"""The rule `rename-by-drop-and-add`: where it speaks, and where it does not."""

import pytest

from domain.migration.snapshot import Value
from domain.migration.trace import RevisionTrace, RowCounts
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    codes,
    column,
    renamed,
    revision,
    step,
    table,
    without,
)

FULL = f"{USERS}.full_name"
SWAP = step("ALTER TABLE users DROP name, ADD full_name text")


def said(trace: RevisionTrace) -> bool:
    """Whether the rule speaks."""
    return "rename-by-drop-and-add" in codes(trace)


def swapped(*names: str, gone: tuple[str, ...] = (f"{USERS}.name",), **more: Value) -> Objects:
    """The users with other columns."""
    after = without(BASE, *gone)
    for name in names:
        after |= column(name, **more)  # type: ignore[arg-type]
    return after


def test_one_column_for_another_of_its_type_may_be_a_rename() -> None:
    """The values go; the code adds the new one beside the old one, and the advice has the rename."""
    like = diagnostic(revision(SWAP, after=swapped(FULL)), "rename-by-drop-and-add")
    assert (like.relation, like.statement) == (USERS, 0)
    assert 'op.alter_column("users", "name", new_column_name="full_name")' in str(like.help)
    assert "ADD COLUMN full_name text" in str(like.fix)


@pytest.mark.parametrize(
    "after",
    [
        swapped(FULL, kind="integer"),
        swapped(FULL, generated="stored"),
        swapped(),
        {**BASE, **column(FULL)},
        swapped(f"{ORDERS}.full_name"),
    ],
    ids=["type", "computed", "no new one", "no old one", "other table"],
)
def test_what_is_no_rename(after: Objects) -> None:
    """Another type, a computed column, or only one half of it."""
    assert not said(revision(SWAP, after=after))


def test_a_column_that_was_computed_has_no_values() -> None:
    """Nothing is thrown away."""
    before = {**BASE, **column(f"{USERS}.name", generated="stored")}
    assert not said(revision(SWAP, before=before, after=swapped(FULL)))


def test_of_several_columns_a_like_name_or_the_same_comment_tells() -> None:
    """Two that are as like as each other tell nothing."""
    two = (f"{USERS}.names", f"{USERS}.zip")
    assert said(revision(SWAP, after=swapped(*two)))
    assert not said(revision(SWAP, after=swapped(f"{USERS}.zip", f"{USERS}.city")))
    assert not said(revision(SWAP, after=swapped(f"{USERS}.names", f"{USERS}.name1")))
    before = {**BASE, **column(f"{USERS}.name", comment="who it is")}
    for comment, alike in (("who it is", True), ("another", False)):
        after = {**swapped(f"{USERS}.zip"), **column(f"{USERS}.label", comment=comment)}
        trace = revision(SWAP, before=before, after=after)
        assert said(trace) is alike
        if alike:
            assert 'new_column_name="label"' in str(diagnostic(trace, "rename-by-drop-and-add").help)


def test_whoever_writes_the_table_has_thought_of_the_values() -> None:
    """By UPDATE or INSERT; a DELETE does not fill a column."""
    for rows, silent in (
        (RowCounts(updated=5), True),
        (RowCounts(inserted=5), True),
        (RowCounts(deleted=5), False),
    ):
        write = step("UPDATE users", rows={USERS: rows})
        assert said(revision(SWAP, write, after=swapped(FULL))) is not silent


def test_a_real_rename_is_none_of_this() -> None:
    """It keeps the values."""
    rename = step("RENAME", renamed=renamed("table column", f"{USERS}.name", FULL))
    assert not said(revision(rename, after=swapped(FULL)))


def accounts(*columns: str, name: str = "public.accounts") -> Objects:
    """The users gone, and a table of those columns instead."""
    gone = [key[1] for key in BASE if key[1].startswith(USERS)]
    return {**without(BASE, *gone), **table(name, *columns)}


def test_a_table_for_another_of_the_same_columns_may_be_a_rename() -> None:
    """Unless rows are put into it, it has other columns, or two tables are alike."""
    drop = step("DROP TABLE users", dropped=changed("table", USERS))
    create = step("CREATE TABLE accounts", created=changed("table", "public.accounts"))
    alike = accounts("id", "email", "name")
    like = diagnostic(revision(drop, create, after=alike), "rename-by-drop-and-add")
    assert (like.relation, like.fix) == (USERS, None)
    assert 'op.rename_table("users", "accounts")' in str(like.help)
    fill = step("INSERT", rows={"public.accounts": RowCounts(inserted=5)})
    assert not said(revision(drop, create, fill, after=alike))
    assert not said(revision(drop, create, after=accounts("id", "email")))
    assert not said(revision(drop, create, after={**alike, **table("public.people", "id", "email", "name")}))
    rename = step("RENAME", renamed=renamed("table", USERS, "public.accounts"))
    assert not said(revision(rename, after=alike))


def test_a_table_that_moved_is_not_dropped() -> None:
    """SET SCHEMA keeps its rows."""
    move = step("ALTER TABLE users SET SCHEMA shop")
    assert not said(revision(move, after=accounts("id", "email", "name", name="shop.users")))


def test_the_only_column_that_went_and_the_only_one_that_came() -> None:
    """They need no like names; where two came, a name must be like the old one, and another comment says nothing."""
    assert said(revision(SWAP, after=swapped(f"{USERS}.zip")))
    assert not said(revision(SWAP, after=swapped(f"{USERS}.zip", f"{USERS}.qqq")))
    before = {**BASE, **column(f"{USERS}.name", comment="who it is")}
    after = {**swapped(f"{USERS}.zip"), **column(f"{USERS}.qqq", comment="other")}
    assert not said(revision(SWAP, before=before, after=after))


def test_names_that_are_just_alike_enough() -> None:
    """Three letters of five that both have are enough, and two are not."""
    names = (f"{USERS}.namxy", f"{USERS}.qqqqq")
    assert said(revision(SWAP, after=swapped(*names)))
    before = {**without(BASE, f"{USERS}.name"), **column(f"{USERS}.abcde")}
    for new, alike in (("abcxy", True), ("abxyz", False)):
        after = {**without(before, f"{USERS}.abcde"), **column(f"{USERS}.{new}"), **column(f"{USERS}.qqqqq")}
        assert said(revision(SWAP, before=before, after=after)) is alike


def test_a_type_whose_columns_come_with_a_rewrite_has_no_code() -> None:
    """A domain with a constraint is checked in each row of the table that gets such a column."""
    domain: Objects = {("type", "public.amount"): {"kind": "domain", "not_null": True}}
    name = column(f"{USERS}.name", "public.amount")
    after = {**domain, **swapped(FULL, kind="public.amount")}
    rename = diagnostic(revision(SWAP, before={**BASE, **domain, **name}, after=after), "rename-by-drop-and-add")
    assert rename.fix is None
