"""The rule `drop-or-rename-in-use`: where it speaks, and where it does not."""

from dataclasses import replace

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    USERS,
    Objects,
    changed,
    codes,
    column,
    revision,
    step,
    table,
    without,
)


def test_dropped_column_in_use() -> None:
    """Statements that name a dropped column fail; a downgrade that refuses is honest."""
    drop = step("ALTER TABLE users DROP COLUMN name", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    trace = revision(drop, after=without(BASE, f"{USERS}.name"), downgrade_error="NotImplementedError: values are gone")
    assert codes(trace) == {"drop-or-rename-in-use": "error", "lossy-downgrade": "warning"}
    declared = replace(trace, docstring="Drop it.\n\nPhase: contract\n")
    assert codes(declared) == {"drop-or-rename-in-use": "warning", "lossy-downgrade": "warning"}


def test_renamed_column_in_use() -> None:
    """A rename is told by its new name, and loses no value."""
    rename = step("ALTER TABLE users RENAME COLUMN name TO full_name", 1, EXCLUSIVE)
    after = {**without(BASE, f"{USERS}.name"), **column(f"{USERS}.full_name")}
    assert codes(revision(rename, after=after)) == {"drop-or-rename-in-use": "error"}
    assert (
        "is now called public.users.full_name"
        in diagnostic(revision(rename, after=after), "drop-or-rename-in-use").message
    )


def test_renamed_table_behind_a_view() -> None:
    """A renamed table whose old name is a view with the same columns serves old code."""
    rename = step("ALTER TABLE users RENAME TO accounts", 1, EXCLUSIVE)
    names = [f"{USERS}.id", f"{USERS}.email", f"{USERS}.name"]
    bare = {**without(BASE, USERS, *names), **table("public.accounts", "id", "email", "name")}
    assert codes(revision(rename, after=bare)) == {"drop-or-rename-in-use": "error"}
    behind = {**bare, ("view", USERS): {"definition": "TABLE accounts"}}
    for name in names:
        behind |= column(name)
    assert codes(revision(rename, after=behind)) == {}


def test_a_table_behind_a_view_that_only_reads() -> None:
    """A view with a join stands for the table in queries, and refuses what the code before writes."""
    rename = step("ALTER TABLE users RENAME TO accounts", 1, EXCLUSIVE)
    accounts = {**table("public.accounts", "id", "email", "name"), **without(BASE, USERS)}
    for definition, wrong in (
        ("SELECT id, email, name FROM accounts WHERE (id > 0)", False),
        ("SELECT a.id, a.email, a.name FROM (accounts a LEFT JOIN orders o ON ((o.id = a.id)))", True),
        ("SELECT id, email, name FROM accounts, orders", True),
        ("SELECT id, max(email) FROM accounts GROUP BY id", True),
    ):
        view: Objects = {("view", USERS): {"kind": "view", "definition": definition}}
        found = codes(revision(rename, after={**accounts, **view}))
        assert found == ({"drop-or-rename-in-use": "error"} if wrong else {})
        helped: Objects = {("trigger", f"{USERS}.write"): {"definition": "INSTEAD OF INSERT"}}
        assert codes(revision(rename, after={**accounts, **view, **helped})) == {}


def test_sequence_in_use() -> None:
    """Code that draws numbers names the sequence, unless a column owns it."""
    drop = step("DROP SEQUENCE numbers")
    for owner, expected in ((None, {"drop-or-rename-in-use": "error"}), (f"{USERS}.id", {})):
        before: Objects = {**BASE, ("sequence", "public.numbers"): {"owned_by": owner}}
        assert codes(revision(drop, before=before, after=BASE)) == expected


def test_function_with_another_signature() -> None:
    """A function that takes the same calls replaces the old one; one that wants more does not."""
    drop = step("DROP FUNCTION total(integer)")
    before: Objects = {
        **BASE,
        ("function", "public.total(integer)"): {"definition": "CREATE FUNCTION total(a integer) RETURNS int"},
    }
    for arguments, expected in (("b integer DEFAULT 1", {}), ("b integer", {"drop-or-rename-in-use": "error"})):
        text = f"CREATE FUNCTION total(a integer, {arguments}) RETURNS int"
        after: Objects = {**BASE, ("function", "public.total(integer,integer)"): {"definition": text}}
        assert codes(revision(drop, before=before, after=after)) == expected
