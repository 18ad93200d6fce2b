"""The rule `unbatched-write`: where it speaks, and where it does not."""

from dataclasses import replace
from typing import Any

import pytest

from domain.migration.locks import LockMode
from domain.migration.trace import RowCounts
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    codes,
    constraint,
    revision,
    step,
    table,
    updated,
    without,
)


def test_unbatched_write() -> None:
    """Whoever writes one of 2,000 updated rows waits for the commit; 20 rows may be more at the target."""
    write = step("UPDATE users SET name = email", 1, LockMode.ROW_EXCLUSIVE, rows=updated())
    found = diagnostic(revision(write), "unbatched-write")
    assert "until it has finished" in found.message
    assert "WHERE id IN (SELECT id FROM public.users" in str(found.fix)
    assert codes(revision(replace(write, rows=updated(20)))) == {"unknown-share": "warning"}


def test_a_block_that_commits_its_batches_is_batched() -> None:
    """A DO block or procedure with COMMIT in a loop cannot run in a transaction; it holds no row for long."""
    batches = "DO $$ BEGIN LOOP UPDATE users SET …; COMMIT; EXIT WHEN NOT FOUND; END LOOP; END $$"
    own: dict[str, Any] = {"rows": updated(), "cannot_run_in_transaction": True}
    small = own | {"most_written": {USERS: 200}}
    assert codes(revision(step(batches, None, **small))) == {}
    assert codes(revision(step("CALL backfill()", None, **small))) == {}
    assert codes(revision(step(batches, None, **own | {"most_written": {USERS: 2000}}))) == {"unbatched-write": "error"}
    assert codes(revision(step("CALL backfill()", None, rows=updated()))) == {"unbatched-write": "error"}
    assert codes(revision(step("DO $$ BEGIN UPDATE users SET …; COMMIT; END $$", None, **own))) == {
        "unbatched-write": "error"
    }


def test_a_backfill_of_nulls_writes_most_rows_of_the_target() -> None:
    """Made-up rows have few NULLs; in the target a column that was added has nothing else. Batches stay batches."""
    rows = {USERS: RowCounts(updated=285)}
    for text in (
        "UPDATE users SET name = 'a' WHERE name IS NULL",
        'UPDATE users SET "name"=$1 WHERE users."name" IS NULL',
        "UPDATE users SET name = 'a' WHERE name IS NULL OR name = 'x'",
        "UPDATE users u SET email = 'b', name = 'a' WHERE (email = 'y' OR (u.name IS NULL))",
        "UPDATE users SET name = 'a' WHERE coalesce(name, '') = ''",
        "WITH x AS (SELECT 1) UPDATE users SET name = 'a' WHERE name IS NOT DISTINCT FROM NULL",
    ):
        found = diagnostic(revision(step(text, rows=rows)), "unbatched-write")
        assert "writes all rows without a value of public.users" in found.message
    narrow = step("UPDATE users SET name = 'a' WHERE name IS NULL AND id < 100", rows={USERS: RowCounts(updated=12)})
    assert codes(revision(narrow)) == {"unknown-share": "warning"}
    batch = "UPDATE users SET name = 'a' WHERE id IN (SELECT id FROM users WHERE name IS NULL LIMIT 500)"
    assert codes(revision(step(batch, None, rows=rows))) == {}
    assert codes(revision(step(batch, None, rows=rows, count=2))) == {}
    assert codes(revision(step(batch, rows=rows, count=2, transactions=2))) == {}
    assert codes(revision(step(batch, rows=rows, count=2))) == {"unbatched-write": "error"}
    for other in ("DELETE FROM users WHERE name IS NULL", "UPDATE users SET email = 'a' WHERE name IS NULL"):
        assert "unbatched-write" not in codes(revision(step(other, rows=rows)))


def test_rows_that_are_locked_and_then_written_count_once() -> None:
    """A batch that is locked first is no larger for that; all rows locked are as bad as all rows written."""
    lock = step("SELECT … FOR UPDATE", 1, locked={USERS: 700})
    assert "unbatched-write" not in codes(revision(lock, step("UPDATE users …", 1, rows=updated(700))))
    assert codes(revision(step("SELECT … FOR UPDATE", 1, locked={USERS: 1500}))) == {"unbatched-write": "error"}


@pytest.mark.parametrize(
    ("own", "batched"),
    [
        (constraint(f"{USERS}.pk", "primary key", "PRIMARY KEY (id)"), True),
        (constraint(f"{USERS}.pk", "primary key", "PRIMARY KEY (id, name)"), False),
        (constraint(f"{USERS}.pk", "unique", "UNIQUE (id)"), False),
        (constraint(f"{ORDERS}.pk", "primary key", "PRIMARY KEY (id)"), False),
    ],
)
def test_batches_go_along_a_key_of_one_column(own: Objects, batched: bool) -> None:
    """The primary key of that table."""
    before = {**without(BASE, f"{USERS}.users_pkey"), **own}
    write = step("UPDATE users SET name = email", 1, LockMode.ROW_EXCLUSIVE, rows=updated())
    assert (diagnostic(revision(write, before=before), "unbatched-write").fix is not None) is batched


def test_until_when_others_wait() -> None:
    """To the end of the transaction, or of the statement; rows that are only locked have no batches."""
    write = step("UPDATE users SET name = email", 1, LockMode.ROW_EXCLUSIVE, rows=updated())
    more = diagnostic(revision(write, step("SELECT 1", 1)), "unbatched-write").message
    assert more.endswith("wait until the transaction ends with statement 2.")
    alone = diagnostic(revision(replace(write, transaction=None), step("SELECT 1", 1)), "unbatched-write").message
    assert alone.endswith("wait until it has finished.")
    lock = step("SELECT 1 FROM users FOR UPDATE", 1, locked={USERS: 2000})
    locked = diagnostic(revision(lock), "unbatched-write")
    assert "locks most rows" in locked.message
    assert locked.fix is None


def test_the_batches_of_a_partitioned_table_go_over_all_of_it() -> None:
    """A partition is written through its parent, whose key is that of the batches."""
    key = constraint("public.events.events_pkey", "primary key", 'PRIMARY KEY ("Id") INCLUDE (note)')
    before = {
        **BASE,
        **table("public.events", kind="partitioned table"),
        **key,
        **table(USERS, parents=("public.events",)),
    }
    write = step("UPDATE events SET name = 'a'", rows=updated())
    fix = diagnostic(revision(write, before=before), "unbatched-write").fix
    assert 'FROM public.events WHERE \\"Id\\" >= :first' in str(fix)


def test_rows_that_a_cascade_deletes_have_no_batches_of_their_own() -> None:
    """The statement names another table, over whose key it would have to go."""
    write = step("DELETE FROM teams", rows={USERS: RowCounts(deleted=2000)})
    assert diagnostic(revision(write), "unbatched-write").fix is None
