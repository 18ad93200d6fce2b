"""A backup of what a plan touches has every table of which the plan may take rows or values away, and no other."""

import json

from domain.migration.deployment.touched import touched_tables
from domain.migration.locks import LockMode
from domain.migration.trace import RowCounts, UnreportedChange
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, changed, index, renamed, revision, step, updated

DELETE_PLAN = json.dumps([
    {
        "Plan": {
            "Node Type": "ModifyTable",
            "Operation": "Delete",
            "Schema": "public",
            "Relation Name": "Old Users",
            "Plans": [{"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "orders"}],
        }
    }
])  # fmt: skip


def test_lost_values_are_touched() -> None:
    """A rewrite, an UPDATE, a DELETE, a dropped table and a dropped column each touch their table."""
    for statement in (
        step("ALTER", rewritten=(USERS,)),
        step("UPDATE", rows=updated()),
        step("DELETE", rows={USERS: RowCounts(deleted=1)}),
        step("DROP TABLE", dropped=changed("table", USERS)),
        step("DROP COLUMN", dropped=changed("table column", f"{USERS}.email")),
    ):
        assert touched_tables([revision(statement)]) == frozenset({USERS}), statement.sql


def test_what_only_adds_touches_nothing() -> None:
    """New columns, indexes, constraints and rows take nothing away; nor does the rebuild of an index."""
    trace = revision(
        step("ADD COLUMN", lock=LockMode.ACCESS_EXCLUSIVE),
        step("INSERT", lock=LockMode.ROW_EXCLUSIVE, rows={USERS: RowCounts(inserted=3)}),
        step("CREATE INDEX", lock=LockMode.SHARE),
        step("REINDEX", rewritten=("public.users_email",)),
        before=BASE | index("users_email", USERS),
    )

    assert touched_tables([trace]) == frozenset()
    assert touched_tables([]) == frozenset()


def test_what_found_no_row_in_the_sandbox_is_touched() -> None:
    """An UPDATE without rows in the sandbox is seen by its lock or by its plan, and may find rows at the target."""
    upserts = step("INSERT … ON CONFLICT", lock=LockMode.ROW_EXCLUSIVE, rows={USERS: RowCounts(inserted=1)})
    unseen = step("UPDATE", lock=LockMode.ROW_EXCLUSIVE)
    under_a_stronger_lock = step("DELETE", compared=(DELETE_PLAN,))

    assert touched_tables([revision(upserts)]) == frozenset({USERS})
    assert touched_tables([revision(unseen)]) == frozenset({USERS})
    assert touched_tables([revision(under_a_stronger_lock)]) == frozenset({'public."Old Users"'})


def test_names_are_those_before_the_plan() -> None:
    """A table that the plan renames is saved under its present name, and one that it creates is not there yet."""
    first = revision(
        step("RENAME", renamed=renamed("table", USERS, "public.people")),
        step("CREATE", created=changed("table", USERS)),
        step("CREATE", created=changed("table", "public.new")),
    )
    second = revision(
        step("UPDATE", rows={"public.people": RowCounts(updated=1), "public.new": RowCounts(updated=1), **updated()}),
        step(
            "EXCHANGE", renamed=(*renamed("table", ORDERS, "public.people"), *renamed("table", "public.people", ORDERS))
        ),
    )
    third = revision(step("DROP", dropped=changed("table", "public.people")))

    assert touched_tables([first, second]) == frozenset({USERS})
    assert touched_tables([first, second, third]) == frozenset({USERS, ORDERS})


def test_what_is_not_known_touches_everything() -> None:
    """A revision that was not run, writes catalogs by hand or changes tables unseen asks for all tables."""
    for trace in (
        revision(not_run="an earlier one fails"),
        revision(error="boom"),
        revision(step("UPDATE pg_class", catalogs=("pg_class",))),
        revision(unreported=(UnreportedChange("", "some table has changed"),)),
    ):
        assert touched_tables([revision(step("ALTER", rewritten=(USERS,))), trace]) is None
    assert touched_tables([revision(unreported=(UnreportedChange(ORDERS, "its rows have changed"),))]) == frozenset(
        {ORDERS}
    )
