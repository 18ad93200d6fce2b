"""The rule `drop-or-rename-in-use`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.analysis.rule import judge
from domain.migration.analysis.rules import all_rules
from domain.migration.compatibility import ApplicationStatement, BrokenStatement, Compatibility
from domain.migration.statistics import Statistics
from domain.migration.trace import RenamedObject, RevisionTrace
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
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

ACCOUNTS = "public.accounts"


def test_dropped_column_in_use() -> None:
    """Statements that name a dropped column fail; a downgrade that refuses is honest."""
    drop = step("ALTER TABLE users DROP COLUMN name", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    trace = revision(drop, after=without(BASE, f"{USERS}.name"), downgrade_error="NotImplementedError: values are gone")
    assert codes(trace) == {"drop-or-rename-in-use": "error", "lossy-downgrade": "warning"}
    declared = replace(trace, docstring="Drop it.\n\nPhase: contract\n")
    assert codes(declared) == {"drop-or-rename-in-use": "warning", "lossy-downgrade": "warning"}


def test_renamed_column_in_use() -> None:
    """A rename is told by its new name, and loses no value."""
    rename = step(
        "ALTER TABLE users RENAME COLUMN name TO full_name",
        1,
        EXCLUSIVE,
        renamed=renamed("table column", f"{USERS}.name", f"{USERS}.full_name"),
    )
    after = {**without(BASE, f"{USERS}.name"), **column(f"{USERS}.full_name")}
    assert codes(revision(rename, after=after)) == {"drop-or-rename-in-use": "error"}
    assert (
        "is now called public.users.full_name"
        in diagnostic(revision(rename, after=after), "drop-or-rename-in-use").message
    )


def test_renamed_table_behind_a_view() -> None:
    """A renamed table whose old name is a view with the same columns serves old code."""
    rename = step("ALTER TABLE users RENAME TO accounts", 1, EXCLUSIVE, renamed=renamed("table", USERS, ACCOUNTS))
    names = [f"{USERS}.id", f"{USERS}.email", f"{USERS}.name"]
    bare = {**without(BASE, USERS, *names), **table("public.accounts", "id", "email", "name")}
    assert codes(revision(rename, after=bare)) == {"drop-or-rename-in-use": "error"}
    behind = {**bare, ("view", USERS): {"definition": "TABLE accounts"}}
    for name in names:
        behind |= column(name)
    assert codes(revision(rename, after=behind)) == {}


def test_a_table_behind_a_view_that_only_reads() -> None:
    """A view with a join stands for the table in queries, and refuses what the code before writes."""
    rename = step("ALTER TABLE users RENAME TO accounts", 1, EXCLUSIVE, renamed=renamed("table", USERS, ACCOUNTS))
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


def in_use(trace: RevisionTrace) -> list[tuple[str | None, str]]:
    """What is gone, with the table that each is about."""
    found = [one for one in judge(trace, Statistics.unknown(), all_rules()) if one.code == "drop-or-rename-in-use"]
    return [(one.relation, one.message.partition(", so")[0]) for one in found]


def test_the_columns_of_a_dropped_table_are_not_said_again() -> None:
    """Those that its view lacks are: code that reads the view finds them no more."""
    drop = step("DROP TABLE users", 1, EXCLUSIVE, dropped=changed("table", USERS))
    gone = without(BASE, *(key[1] for key in BASE if key[1].startswith(USERS)))
    assert in_use(revision(drop, after=gone)) == [(USERS, f"The table {USERS} is gone")]
    view: Objects = {("view", USERS): {"kind": "view", "definition": "SELECT id FROM x"}}
    behind = {**gone, **view, **column(f"{USERS}.id"), **column(f"{USERS}.email")}
    assert in_use(revision(drop, after=behind)) == [(USERS, f"The column {USERS}.name is gone")]


def test_a_view_that_was_tried_is_what_it_was_seen_to_be() -> None:
    """Whether it refuses INSERTs is known then, and its definition does not matter."""
    rename = step("ALTER TABLE users RENAME TO accounts", 1, EXCLUSIVE, renamed=renamed("table", USERS, ACCOUNTS))
    view: Objects = {("view", USERS): {"kind": "view", "definition": "SELECT id, email, name FROM a, b"}}
    after = {**table("public.accounts", "id", "email", "name"), **without(BASE, USERS), **view}
    insert = BrokenStatement(ApplicationStatement("INSERT INTO users", USERS), "cannot insert", "55000")
    select = BrokenStatement(ApplicationStatement("SELECT 1", USERS), "no", "42P01")
    for compatibility, wrong in (
        (Compatibility(3, inserted=frozenset({USERS})), False),
        (Compatibility(3, (select,), inserted=frozenset({USERS})), False),
        (Compatibility(3, (insert,), inserted=frozenset({USERS})), True),
        (Compatibility(3, inserted=frozenset({ORDERS})), True),
        (None, True),
    ):
        trace = revision(rename, after=after, compatibility=compatibility)
        assert ("drop-or-rename-in-use" in codes(trace)) is wrong


def test_a_materialized_view_takes_no_writes() -> None:
    """A plain view of one table does."""
    rename = step("ALTER TABLE users RENAME TO accounts", 1, EXCLUSIVE, renamed=renamed("table", USERS, ACCOUNTS))
    for kind, wrong in (("view", False), ("materialized view", True)):
        view: Objects = {("view", USERS): {"kind": kind, "definition": "SELECT id, email, name FROM accounts"}}
        after = {**table("public.accounts", "id", "email", "name"), **without(BASE, USERS), **view}
        assert ("drop-or-rename-in-use" in codes(revision(rename, after=after))) is wrong


def test_the_code_for_a_rename() -> None:
    """A view under the old name of a table, also in another schema; a column beside the old one; nothing for a drop."""
    gone = without(BASE, *(key[1] for key in BASE if key[1].startswith(USERS)))

    def fix(after: Objects, *renames: RenamedObject) -> str | None:
        return diagnostic(revision(step("ALTER", renamed=renames), after=after), "drop-or-rename-in-use").fix

    people = fix({**gone, **table("public.people", "id", "email", "name")}, *renamed("table", USERS, "public.people"))
    assert 'op.rename_table("users", "people")' in str(people)
    assert "CREATE VIEW public.users AS TABLE public.people" in str(people)
    moved = fix({**gone, **table("shop.users", "id", "email", "name")}, *renamed("table", USERS, "shop.users"))
    assert "ALTER TABLE public.users SET SCHEMA shop" in str(moved)
    title = fix(
        {**without(BASE, f"{USERS}.name"), **column(f"{USERS}.title")},
        *renamed("table column", f"{USERS}.name", f"{USERS}.title"),
    )
    assert "ALTER TABLE public.users ADD COLUMN title text" in str(title)
    assert fix(without(BASE, f"{USERS}.name")) is None


def test_exchanged_names_are_reported_at_the_first_rename() -> None:
    """Renames of other objects before it are no part of that."""
    other = step("RENAME", renamed=renamed("table", "public.other", "public.another"))
    names = (USERS, "public.spare"), (ORDERS, USERS), ("public.spare", ORDERS)
    exchange = [step("RENAME", renamed=renamed("table", old, new)) for old, new in names]
    reported = diagnostic(revision(other, *exchange), "drop-or-rename-in-use")
    assert (reported.relation, reported.statement) == (ORDERS, 1)
    assert reported.message.startswith("The tables public.orders, public.users have exchanged their names")


def test_a_column_that_was_moved_is_none() -> None:
    """One of the same name in another table is another column."""
    after = {**without(BASE, f"{USERS}.name"), **column(f"{ORDERS}.name")}
    assert in_use(revision(step("ALTER"), after=after)) == [(USERS, f"The column {USERS}.name is gone")]


def test_functions_of_triggers_are_called_by_nobody() -> None:
    """Another function is, unless one of its name takes its arguments and has defaults for the others."""
    before: Objects = {**BASE, ("function", "f(integer)"): {"definition": "CREATE FUNCTION f(a integer) RETURNS int"}}
    trigger: Objects = {**BASE, ("function", "f()"): {"definition": "CREATE FUNCTION f() RETURNS trigger"}}
    assert codes(revision(step("DROP"), before=trigger, after=BASE)) == {}
    for name, definition, wrong in (
        ("f(integer,text)", "f(a integer, b text DEFAULT '') RETURNS int", False),
        ("g(integer,text)", "g(a integer, b text DEFAULT '') RETURNS int", True),
        ("f(text,text)", "f(a text, b text DEFAULT '') RETURNS int", True),
        ("f(integer,text,text)", "f(a integer, b text, c text DEFAULT '') RETURNS int", True),
    ):
        after: Objects = {**BASE, ("function", name): {"definition": f"CREATE FUNCTION {definition}"}}
        assert ("drop-or-rename-in-use" in codes(revision(step("DROP"), before=before, after=after))) is wrong


def test_a_column_of_partitions_is_reported_once() -> None:
    """Of the partitioned table: there is no code that would give one of its partitions a column."""
    before = {**BASE, **column(f"{ORDERS}.name"), **column(f"{USERS}.name", local=False)}
    after = {
        **without(before, f"{ORDERS}.name", f"{USERS}.name"),
        **column(f"{ORDERS}.full_name"),
        **column(f"{USERS}.full_name", local=False),
    }
    rename = step(
        "ALTER TABLE orders RENAME COLUMN name TO full_name",
        1,
        EXCLUSIVE,
        renamed=renamed("table column", f"{ORDERS}.name", f"{ORDERS}.full_name"),
    )
    assert diagnostic(revision(rename, before=before, after=after), "drop-or-rename-in-use").relation == ORDERS


def test_a_table_that_changes_its_schema_and_its_name_has_one_code() -> None:
    """It says which other statement goes along."""
    moved, last = "shop.users", "shop.accounts"
    after = {**without(BASE, USERS), **table(last, "id", "email", "name"), ("schema", "shop"): {}}
    steps = (
        replace(
            step("ALTER TABLE users SET SCHEMA shop", 1, EXCLUSIVE, altered=changed("table", moved)),
            renamed=(RenamedObject("table", USERS, moved),),
        ),
        replace(
            step("ALTER TABLE shop.users RENAME TO accounts", 1, EXCLUSIVE, altered=changed("table", last)),
            renamed=(RenamedObject("table", moved, last),),
        ),
    )
    fix = str(diagnostic(revision(*steps, after=after), "drop-or-rename-in-use").fix)
    assert fix.startswith("# Take out the rename to shop.accounts (statement 2).\n")
    assert 'op.rename_table("users", "accounts", schema="shop")' in fix
