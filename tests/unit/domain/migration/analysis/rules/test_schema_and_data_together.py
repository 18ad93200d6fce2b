"""The rule `schema-and-data-together`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

from domain.migration.locks import LockMode
from domain.migration.trace import RowCounts, StatementTrace, TableFacts
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    USERS,
    codes,
    column,
    constraint,
    revision,
    step,
    table,
    updated,
)


def test_a_sentence_names_few_of_many_tables() -> None:
    """Of a dozen tables that are locked meanwhile, the first ones are named, and the others are counted."""
    names = [f"public.t{number:02}" for number in range(12)]
    locks = dict.fromkeys(names, EXCLUSIVE)
    trace = revision(
        step("LOCK TABLE t00, t01", locks=locks),
        step("UPDATE users SET email = ''", rows=updated()),
        tables={name: TableFacts(2000, 100_000) for name in (*names, USERS)},
    )
    message = diagnostic(trace, "schema-and-data-together").message
    assert "reads and writes of public.t00, public.t01 wait" in message
    assert "public.t02" not in message
    assert message.endswith("and so do those of 10 other tables.")


def test_schema_and_data_together() -> None:
    """An UPDATE after ADD COLUMN runs under ACCESS EXCLUSIVE; in the next transaction, in batches, it does not."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    write = step("UPDATE users SET plan = 'free'", 1, rows=updated(), scanned={USERS: 2000})
    after = {**BASE, **column(f"{USERS}.plan")}
    found = codes(revision(add, write, after=after))
    assert found == {"schema-and-data-together": "error", "unbatched-write": "error"}
    batch = replace(write, transaction=None, count=4, locks={USERS: LockMode.ROW_EXCLUSIVE})
    assert codes(revision(add, batch, after=after)) == {}


def test_lookups_of_foreign_keys_are_no_scans() -> None:
    """A table of a few pages is read as a whole for each key; that says nothing of one that has a thousand."""
    few = {USERS: TableFacts(200, 16_384)}
    after = {
        **BASE,
        **table("public.admins", "user_id"),
        **constraint("public.admins.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id)"),
    }
    create = step("CREATE TABLE admins", 1, LockMode.SHARE_ROW_EXCLUSIVE)
    written = {"public.admins": RowCounts(inserted=20)}
    insert = step("INSERT INTO admins (user_id) VALUES (%s)", rows=written, scanned={USERS: 2000})

    def is_reported(*, statement: StatementTrace = insert, **more: Any) -> bool:
        trace = revision(create, statement, **{"after": after, "tables": few, **more})
        return "schema-and-data-together" in codes(trace)

    assert not is_reported()
    assert is_reported(tables={USERS: TableFacts(2000, 100_000)})
    assert is_reported(unfilled={USERS: "200 of 2000 rows: no further values found"})
    assert is_reported(statement=replace(insert, sql="INSERT INTO admins SELECT id FROM users"))
    assert is_reported(statement=replace(insert, rows={}))
    assert is_reported(after={**after, ("trigger", "public.admins.counts"): {"definition": "CREATE TRIGGER counts"}})
    assert is_reported(after={**BASE, **table("public.admins", "user_id")})
