"""Each rule, with a trace that it speaks of and one that it does not."""

import ast
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.migration.analysis.rule import Rule, judge
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.locks import LockMode
from domain.migration.snapshot import SchemaSnapshot
from domain.migration.statistics import Extension, Statistics, TableStatistics, Target
from domain.migration.trace import RevisionTrace, RowCounts, TableFacts
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    TABLES,
    USERS,
    Objects,
    changed,
    codes,
    column,
    constraint,
    index,
    revision,
    step,
    table,
    updated,
    without,
)

EXCLUSIVE, SHARE = LockMode.ACCESS_EXCLUSIVE, LockMode.SHARE
LIGHT = LockMode.SHARE_UPDATE_EXCLUSIVE
IX = {**BASE, **index("ix", USERS)}
BUILD = step("CREATE INDEX ix ON users (email)", 1, SHARE, indexes_built=("public.ix",), scanned={USERS: 2000})
CHECK = constraint(f"{USERS}.ck_email", "check", "CHECK ((email <> ''::text))")
HNSW = index("ix", USERS, "hnsw (embedding vector_l2_ops)")
EMBEDDING = f"{USERS}.embedding"


def said(trace: RevisionTrace, code: str) -> Diagnostic:
    """The one diagnostic of a code."""
    (found,) = (one for one in judge(trace, Statistics.unknown(), all_rules()) if one.code == code)
    return found


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_is_complete(rule: Rule) -> None:
    """Each rule has documentation that says the safe way, and examples that are Python."""
    assert "The safe way" in rule.documentation or "safe" in rule.documentation or "honest" in rule.documentation
    for example in (rule.bad, rule.good):
        ast.parse(example.upgrade)
        ast.parse(example.downgrade)
    assert rule.code == rule.check.__module__.rpartition(".")[2].replace("_", "-")


def test_a_revision_that_does_nothing_gets_no_diagnostic() -> None:
    """Nothing locked, nothing changed, nothing to say."""
    assert codes(revision(step("SELECT 1"))) == {}


def test_blocking_index_build() -> None:
    """CREATE INDEX holds SHARE: writes wait for the whole build, and until the commit."""
    found = said(revision(BUILD, step("SELECT 1"), after=IX), "blocking-index-build")
    assert (found.severity, found.statement, found.relation) == (Severity.ERROR, 0, USERS)
    assert "writes of public.users wait until the transaction ends with statement 2 (SHARE)" in found.message
    assert "CREATE INDEX CONCURRENTLY ix ON public.users" in str(found.fix)
    concurrent = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), scanned={USERS: 2000})
    assert codes(revision(replace(concurrent, lock_timeout="0"), after=IX)) == {}


def test_a_sentence_names_few_of_many_tables() -> None:
    """Of a dozen tables that are locked meanwhile, the first ones are named, and the others are counted."""
    names = [f"public.t{number:02}" for number in range(12)]
    locks = dict.fromkeys(names, EXCLUSIVE)
    trace = revision(
        step("LOCK TABLE t00, t01", locks=locks),
        step("UPDATE users SET email = ''", rows=updated()),
        tables={name: TableFacts(2000, 100_000) for name in (*names, USERS)},
    )
    message = said(trace, "schema-and-data-together").message
    assert "reads and writes of public.t00, public.t01 wait" in message
    assert "public.t02" not in message
    assert message.endswith("and so do those of 10 other tables.")


def test_an_index_on_a_small_or_new_table_blocks_nobody() -> None:
    """The target's table has 10 rows, or did not exist before."""
    small = Statistics({USERS: TableStatistics(rows=10)})
    assert "blocking-index-build" not in codes(revision(BUILD, after=IX), small)
    fresh = {**BASE, **table("public.fresh", "email"), **index("ix", "public.fresh")}
    assert codes(revision(step("CREATE INDEX ix", indexes_built=("public.ix",)), after=fresh)) == {}


def test_a_table_without_room_is_small() -> None:
    """Its own constraints keep it at three rows, whatever the target is."""
    tables = {USERS: TableFacts(3, 8192)}
    full = {USERS: "3 of 2000 rows: a unique key leaves no room for more"}
    assert "blocking-index-build" not in codes(revision(BUILD, after=IX, tables=tables, unfilled=full))
    assert "blocking-index-build" in codes(revision(BUILD, after=IX, tables=tables))


def test_work_on_a_new_table_keeps_others_waiting() -> None:
    """An index on a copy of the orders takes time, while the users are locked; on an empty table it takes none."""
    fresh = {**BASE, **table("public.copy", "email"), **index("ix", "public.copy")}
    build = step("CREATE INDEX ix ON copy (email)", indexes_built=("public.ix",))
    lock = step("ALTER TABLE users ADD COLUMN x text", 1, EXCLUSIVE)
    copy = step("CREATE TABLE copy", rows={"public.copy": RowCounts(inserted=2000)}, scanned={ORDERS: 2000})
    assert codes(revision(copy, lock, build, after=fresh)) == {"blocking-index-build": "error"}
    assert codes(revision(copy, build, lock, after=fresh)) == {}
    assert codes(revision(lock, build, after=fresh)) == {}
    small = Statistics({ORDERS: TableStatistics(rows=10)})
    assert codes(revision(copy, lock, build, after=fresh), small) == {}


def test_reindex_blocks() -> None:
    """REINDEX gives the index another file, under SHARE on the table."""
    reindex = step("REINDEX INDEX ix", 1, SHARE, rewritten=("public.ix",), scanned={USERS: 2000})
    found = said(revision(reindex, before=IX), "blocking-index-build")
    assert "REINDEX INDEX CONCURRENTLY public.ix" in str(found.fix)


def test_blocking_index_drop() -> None:
    """DROP INDEX takes ACCESS EXCLUSIVE for an instant: a warning, not an error."""
    drop = step("DROP INDEX ix", 1, EXCLUSIVE, dropped=changed("index", "public.ix"))
    trace = revision(drop, before=IX, after=BASE)
    assert codes(trace) == {"blocking-index-drop": "warning"}
    assert 'op.drop_index("ix", "users", if_exists=True, postgresql_concurrently=True)' in str(
        said(trace, "blocking-index-drop").fix
    )
    concurrent = replace(drop, sql="DROP INDEX CONCURRENTLY ix", transaction=None, locks={USERS: LIGHT})
    assert codes(revision(concurrent, before=IX, after=BASE)) == {}


def test_check_validated_at_once() -> None:
    """ADD CHECK reads every row under ACCESS EXCLUSIVE; NOT VALID reads none."""
    sql = "ALTER TABLE users ADD CONSTRAINT ck_email CHECK (email <> '')"
    trace = revision(step(sql, 1, EXCLUSIVE, scanned={USERS: 2000}), after={**BASE, **CHECK})
    found = said(trace, "constraint-validated-at-once")
    assert "NOT VALID" in str(found.fix)
    assert "VALIDATE CONSTRAINT ck_email" in str(found.fix)
    assert codes(revision(step(sql + " NOT VALID", 1, EXCLUSIVE), after={**BASE, **CHECK})) == {}


def test_foreign_key_validated_at_once() -> None:
    """ADD FOREIGN KEY looks up every row while writes of both tables wait."""
    key = constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id)")
    locks = dict.fromkeys((ORDERS, USERS), LockMode.SHARE_ROW_EXCLUSIVE)
    sql = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)"
    after = {**BASE, **key, **index("ix", ORDERS, "btree (user_id)")}
    trace = revision(step(sql, locks=locks, scanned={ORDERS: 2000, USERS: 2000}), after=after)
    assert codes(trace) == {"constraint-validated-at-once": "error"}
    assert "NOT VALID" in str(said(trace, "constraint-validated-at-once").fix)


def test_unique_constraint_builds_its_index_under_the_lock() -> None:
    """ADD UNIQUE builds an index under ACCESS EXCLUSIVE; the safe form adopts one."""
    unique = {
        **constraint(f"{USERS}.uq", "unique", "UNIQUE (email)"),
        **index("uq", USERS, unique=True, constraint="uq"),
    }
    add = step("ALTER TABLE users ADD CONSTRAINT uq UNIQUE (email)", 1, EXCLUSIVE, indexes_built=("public.uq",))
    found = said(revision(add, after={**BASE, **unique}), "constraint-validated-at-once")
    assert "CREATE UNIQUE INDEX CONCURRENTLY uq" in str(found.fix)
    assert "UNIQUE USING INDEX uq" in str(found.fix)
    adopt = step("ALTER TABLE users ADD CONSTRAINT uq UNIQUE USING INDEX uq", 1, EXCLUSIVE)
    assert codes(revision(adopt, after={**BASE, **unique})) == {}


def test_not_valid_and_validate_together() -> None:
    """VALIDATE in the transaction of ADD … NOT VALID scans under its lock; after a commit it does not."""
    add = step("ALTER TABLE users ADD CONSTRAINT ck_email CHECK (email <> '') NOT VALID", 1, EXCLUSIVE)
    validate = step("ALTER TABLE users VALIDATE CONSTRAINT ck_email", 1, None, scanned={USERS: 2000})
    after = {**BASE, **CHECK}
    assert codes(revision(add, validate, after=after)) == {"not-valid-and-validate-together": "error"}
    alone = replace(validate, transaction=None, locks={USERS: LIGHT})
    assert codes(revision(add, alone, after=after)) == {}


def test_set_not_null_scan() -> None:
    """SET NOT NULL reads every row, unless a valid CHECK has said it already."""
    sql = "ALTER TABLE users ALTER COLUMN email SET NOT NULL"
    after = {**BASE, **column(f"{USERS}.email", not_null=True)}
    found = said(revision(step(sql, 1, EXCLUSIVE, scanned={USERS: 2000}), after=after), "set-not-null-scan")
    assert 'op.execute("ALTER TABLE public.users ALTER COLUMN email SET NOT NULL")' in str(found.fix)
    assert codes(revision(step(sql, 1, EXCLUSIVE), after=after)) == {}


@pytest.mark.parametrize(
    ("name", "attributes", "reason"),
    [
        ("token", {"kind": "uuid", "default": "gen_random_uuid()"}, "evaluates for each row"),
        ("number", {"kind": "bigint", "identity": "always"}, "is an identity"),
        ("shout", {"kind": "text", "generated": "stored"}, "is generated and stored"),
        ("label", {"kind": "public.label"}, "is of type public.label"),
        ("email", {"kind": "varchar(50)"}, "email goes from text to varchar(50)"),
    ],
)
def test_table_rewrite(name: str, attributes: dict[str, Any], reason: str) -> None:
    """A rewrite is measured; its reason is told from the columns before and after."""
    after = {**BASE, **column(f"{USERS}.{name}", **attributes)}
    trace = revision(step("ALTER TABLE users …", 1, EXCLUSIVE, rewritten=(USERS,)), after=after)
    assert reason in said(trace, "table-rewrite").message
    assert "table-rewrite" not in codes(revision(step("ALTER TABLE users …", 1, EXCLUSIVE), after=after))


def test_locks_pile_up() -> None:
    """Two tables locked one after the other in one transaction: a warning, as each lasts an instant."""
    one, two = step("ALTER TABLE users", 1, EXCLUSIVE), step("ALTER TABLE orders", 1, locks={ORDERS: EXCLUSIVE})
    assert codes(revision(one, two)) == {"locks-pile-up": "warning"}
    assert codes(revision(one, replace(two, transaction=2))) == {}


def test_schema_and_data_together() -> None:
    """An UPDATE after ADD COLUMN runs under ACCESS EXCLUSIVE; in the next transaction, in batches, it does not."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    write = step("UPDATE users SET plan = 'free'", 1, rows=updated(), scanned={USERS: 2000})
    after = {**BASE, **column(f"{USERS}.plan")}
    found = codes(revision(add, write, after=after))
    assert found == {"schema-and-data-together": "error", "unbatched-write": "error"}
    batch = replace(write, transaction=None, count=4, locks={USERS: LockMode.ROW_EXCLUSIVE})
    assert codes(revision(add, batch, after=after)) == {}


def test_unbatched_write() -> None:
    """Whoever writes one of 2,000 updated rows waits for the commit; 20 rows are nobody's concern."""
    write = step("UPDATE users SET name = email", 1, LockMode.ROW_EXCLUSIVE, rows=updated())
    found = said(revision(write), "unbatched-write")
    assert "until it has finished" in found.message
    assert "WHERE id IN (SELECT id FROM public.users" in str(found.fix)
    assert codes(revision(replace(write, rows=updated(20)))) == {}


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


def test_work_under_lock() -> None:
    """What no other rule explains is still unsafe: ALTER DOMAIN reads every table that uses the domain."""
    sql = "ALTER DOMAIN label ADD CONSTRAINT filled CHECK (VALUE <> '')"
    assert codes(revision(step(sql, 1, SHARE, scanned={USERS: 2000}))) == {"work-under-lock": "error"}
    assert codes(revision(step(sql + " NOT VALID", 1))) == {}


def test_set_local_in_autocommit() -> None:
    """SET LOCAL without a transaction is gone with its own statement."""
    assert codes(revision(step("SET LOCAL lock_timeout = '5s'", None))) == {"set-local-in-autocommit": "warning"}
    assert codes(revision(step("SET LOCAL lock_timeout = '5s'", 1), step("SET lock_timeout = '5s'", None))) == {}


def test_short_timeout_around_concurrent_build() -> None:
    """A concurrent build waits for older transactions, and a lock_timeout of 2 seconds kills it."""
    build = step("CREATE INDEX CONCURRENTLY ix ON users (email)", None, LIGHT, indexes_built=("public.ix",))
    short = replace(build, lock_timeout="500ms")
    assert codes(revision(short, after=IX)) == {"short-timeout-around-concurrent-build": "warning"}
    for patient in ("0", "5min"):
        assert codes(revision(replace(build, lock_timeout=patient), after=IX)) == {}


def test_if_not_exists_keeps_invalid_index() -> None:
    """IF NOT EXISTS is content with an invalid index, unless it was dropped before, or the revision looked for it."""
    build = step("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON users (email)", None, lock_timeout="0")
    assert codes(revision(build, after=IX)) == {"if-not-exists-keeps-invalid-index": "warning"}
    drop = step("DROP INDEX CONCURRENTLY IF EXISTS ix", None)
    assert codes(revision(drop, build, after=IX)) == {}
    look = step("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix')", None)
    assert codes(revision(look, build, after=IX)) == {}


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
        "is now called public.users.full_name" in said(revision(rename, after=after), "drop-or-rename-in-use").message
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


def test_required_column() -> None:
    """INSERTs that do not know a NOT NULL column without default fail."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    assert codes(revision(add, after={**BASE, **column(f"{USERS}.plan", not_null=True)})) == {
        "required-column": "error"
    }
    for given in ({"default": "'free'::text"}, {"identity": "always"}, {"generated": "stored"}):
        assert codes(revision(add, after={**BASE, **column(f"{USERS}.plan", not_null=True, **given)})) == {}


def test_enum_value_removed() -> None:
    """Old code still writes a value that was renamed."""
    before: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "paid")}}
    after: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "premium")}}
    more: Objects = {**BASE, ("type", "public.plan"): {"kind": "enum", "values": ("free", "paid", "premium")}}
    assert codes(revision(step("ALTER TYPE plan"), before=before, after=after)) == {"enum-value-removed": "error"}
    assert codes(revision(step("ALTER TYPE plan"), before=before, after=more)) == {}


@pytest.mark.parametrize(
    ("sqlstate", "sql", "error", "code"),
    [
        ("55P04", "UPDATE users", "unsafe use of new value", "enum-value-used-in-its-transaction"),
        ("23502", "ALTER TABLE users", "contains null values", "fails-on-existing-rows"),
        ("22001", "ALTER TABLE users", "value too long", "fails-on-existing-rows"),
        ("42501", "CREATE EXTENSION vector", "permission denied", "extension-without-permission"),
        ("54000", "CREATE INDEX", "column cannot have more than 2000 dimensions", "ann-index-too-many-dimensions"),
        ("25001", "CREATE INDEX CONCURRENTLY", "cannot run inside a transaction block", "upgrade-fails"),
        ("42P07", "CREATE TABLE users", "relation exists", "upgrade-fails"),
        ("08006", "CREATE SUBSCRIPTION s", "could not connect to the publisher", "not-in-sandbox"),
        ("08001", "SELECT dblink_connect('')", "could not establish connection", "not-in-sandbox"),
        ("08003", "ALTER TABLE users", "connection was closed in the middle of operation", "upgrade-fails"),
        ("0A000", "ALTER SYSTEM RESET ALL", "ALTER SYSTEM is not allowed in this environment", "not-in-sandbox"),
        ("0A000", "CREATE INDEX", "access method does not support it", "upgrade-fails"),
        ("42501", "CREATE ROLE app", "permission denied to create role", "not-in-sandbox"),
        ("42501", "ALTER TABLE users", "must be owner of table users", "upgrade-fails"),
        ("55000", "SELECT 1", "access to non-system foreign table is restricted", "not-in-sandbox"),
        ("55000", "SELECT 1", "currval of sequence is not yet defined in this session", "upgrade-fails"),
    ],
)
def test_failures(sqlstate: str, sql: str, error: str, code: str) -> None:
    """One rule explains each failure of a statement, by what the server said."""
    trace = revision(step(sql, error=error, sqlstate=sqlstate), downgrade=None)
    assert codes(replace(trace, after=None, restored=None)) == {code: "error"}


def test_failure_in_python() -> None:
    """An upgrade that raises without a failing statement fails, too."""
    trace = revision(error="NameError: sa", downgrade=None)
    assert codes(replace(trace, after=None, restored=None)) == {"upgrade-fails": "error"}


def test_an_error_that_the_revision_caught_is_no_failure() -> None:
    """The upgrade, or the downgrade, came to its end all the same."""
    caught = step("ALTER TABLE nope ADD x int", error="no such table", sqlstate="42P01")
    assert codes(revision(caught)) == {}
    assert codes(revision(step("SELECT 1"), downgrade=(caught, step("SELECT 2")))) == {}


@pytest.mark.parametrize(
    ("line", "kind", "message", "fails"),
    [
        ("raise ValueError('values of z are needed')", "ValueError", "values of z are needed", False),
        ("raise RuntimeError('irreversible')", "RuntimeError", "irreversible", False),
        ("assert False, 'irreversible'", "AssertionError", "irreversible", False),
        ("raise NotImplementedError", "NotImplementedError", "NotImplementedError", True),
        ("int('x')", "ValueError", "invalid literal for int() with base 10: 'x'", True),
        ("{}['users']", "KeyError", "'users'", True),
        ("refuse('no way back')", "Irreversible", "no way back", False),
    ],
)
def test_refusals_are_told_from_accidents(line: str, kind: str, message: str, fails: bool) -> None:
    """The class of the exception tells them apart, and where that could be either, the line that raised it."""
    trace = revision(
        step("SELECT 1"),
        downgrade=(),
        downgrade_error=f"{message} (a1.py, line 2)",
        downgrade_error_type=kind,
        restored=None,
        source=f"def downgrade():\n    {line}\n",
    )
    assert codes(trace) == ({"downgrade-fails": "error"} if fails else {})


def test_missing_downgrade() -> None:
    """An empty downgrade leaves the schema of the upgrade."""
    after = {**BASE, **column(f"{USERS}.plan")}
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    assert codes(revision(add, after=after, downgrade=(), restored=SchemaSnapshot(after))) == {
        "missing-downgrade": "error"
    }
    assert codes(revision(add, after=after, downgrade=(), downgrade_error="NotImplementedError: no way back")) == {}


def test_an_extension_stays_as_it_was_updated() -> None:
    """Few extensions have a way back to an older version: that it stays is a warning, and can be declared."""
    old, new = ({**BASE, ("extension", "vector"): {"version": version}} for version in ("0.8.0", "0.8.4"))
    update = step("ALTER EXTENSION vector UPDATE", 1)
    trace = replace(revision(update, after=new, downgrade=(), restored=SchemaSnapshot(new)), before=SchemaSnapshot(old))
    assert codes(trace) == {"missing-downgrade": "warning"}


def test_downgrade_differs() -> None:
    """A default that the downgrade forgets is another schema; the order of columns is not."""
    other = SchemaSnapshot({**BASE, **column(f"{USERS}.email", default="'x'::text")})
    assert codes(revision(step("ALTER"), restored=other)) == {"downgrade-differs": "error"}
    moved = SchemaSnapshot({**BASE, **column(f"{USERS}.email", position=9)})
    assert codes(revision(step("ALTER"), restored=moved)) == {}


@pytest.mark.parametrize(
    ("error", "statement", "fails"),
    [
        ("TypeError: 'NoneType'", None, True),
        ("NotImplementedError", None, True),
        ("NotImplementedError (a1.py, line 12)", None, True),
        ("name 'users' is not defined (a1.py, line 12)", None, True),
        ("module 'sqlalchemy' has no attribute 'Vector' (a1.py, line 12)", None, True),
        ("NotImplementedError: the values are gone", None, False),
        ("the values are gone (a1.py, line 12)", None, False),
        ("irreversible: restore the backup", None, False),
        ("column does not exist", step("ALTER", error="column does not exist", sqlstate="42703"), True),
        ("irreversible", step("DO", error="irreversible", sqlstate="P0001"), False),
    ],
)
def test_downgrade_fails(error: str, statement: object, fails: bool) -> None:
    """An accident fails; a message of the author's own is an honest refusal."""
    downgrade = (statement,) if statement else ()
    trace = revision(step("SELECT 1"), downgrade=downgrade, downgrade_error=error)
    assert codes(replace(trace, restored=None)) == ({"downgrade-fails": "error"} if fails else {})


def test_lossy_downgrade() -> None:
    """A dropped column comes back empty, unless the downgrade writes its values."""
    drop = step("ALTER TABLE users DROP COLUMN name", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    trace = revision(drop, after=without(BASE, f"{USERS}.name"))
    assert codes(trace)["lossy-downgrade"] == "error"
    copied = replace(trace, downgrade=(step("UPDATE users SET name = …", rows=updated()),))
    assert "lossy-downgrade" not in codes(copied)


def test_downgrade_that_deletes() -> None:
    """A downgrade may delete what the upgrade inserted, and nothing else."""
    insert = step("INSERT", rows={USERS: RowCounts(inserted=5)})
    five, six = (step("DELETE", rows={USERS: RowCounts(deleted=rows)}) for rows in (5, 6))
    assert codes(revision(insert, downgrade=(five,))) == {}
    assert codes(revision(insert, downgrade=(six,))) == {"lossy-downgrade": "error"}


def test_truncate_loses_values() -> None:
    """TRUNCATE is instant, but the rows are gone: a downgrade that refuses does not bring them back."""
    truncate = step("TRUNCATE users", 1, EXCLUSIVE, rewritten=(USERS,))
    assert codes(revision(truncate)) == {"lossy-downgrade": "error", "values-lost": "error"}
    refused = replace(revision(truncate), downgrade=(), downgrade_error="NotImplementedError: gone", restored=None)
    assert codes(refused) == {"lossy-downgrade": "warning", "values-lost": "error"}
    contract = replace(refused, docstring="Empty the users\n\nPhase: contract")
    assert codes(contract) == {"lossy-downgrade": "warning", "values-lost": "warning"}


def test_a_column_that_is_made_anew_has_lost_its_values() -> None:
    """The code finds the column, and nothing in it, unless the revision writes it again."""
    drop = step("ALTER TABLE users DROP COLUMN name", 1, EXCLUSIVE, dropped=changed("table column", f"{USERS}.name"))
    add = step("ALTER TABLE users ADD COLUMN name text", 1)
    refused: dict[str, Any] = {"downgrade": (), "downgrade_error": "NotImplementedError: gone", "restored": None}
    trace = revision(drop, add, **refused)
    assert codes(trace)["values-lost"] == "error"
    assert "ADD COLUMN name_new text" in str(said(trace, "values-lost").fix)
    assert "values-lost" not in codes(revision(drop, add, step("UPDATE users", rows=updated()), **refused))


def test_a_table_that_is_swapped_for_its_copy_has_lost_nothing() -> None:
    """DROP and RENAME of a copy that was filled first leave the values; CREATE anew does not."""
    copy = step("INSERT INTO users_new SELECT * FROM users", rows={"public.users_new": RowCounts(inserted=2000)})
    drop = step("DROP TABLE users", 1, dropped=changed("table", USERS))
    refused: dict[str, Any] = {"downgrade": (), "downgrade_error": "NotImplementedError: gone", "restored": None}
    assert "values-lost" not in codes(revision(copy, drop, step("ALTER TABLE users_new RENAME TO users"), **refused))
    assert codes(revision(drop, step("CREATE TABLE users ()"), **refused))["values-lost"] == "error"


def test_a_copy_that_nobody_guards_loses_what_others_write_meanwhile() -> None:
    """Rows that come between the copy and the drop are in neither, unless writes wait or a trigger writes both."""
    copy = step("INSERT INTO new", scanned={USERS: 2000}, rows={"public.new": RowCounts(inserted=2000)})
    drop = step("DROP TABLE users", 1, EXCLUSIVE, dropped=changed("table", USERS))
    refused: dict[str, Any] = {"downgrade": (), "downgrade_error": "NotImplementedError: gone", "restored": None}
    found = said(revision(copy, drop, **refused), "values-lost")
    assert (found.severity, found.statement) == (Severity.ERROR, 1)
    assert "what others write to public.users in between is lost" in found.message
    trigger = step("CREATE TRIGGER both AFTER INSERT ON public.users FOR EACH ROW EXECUTE FUNCTION both()", 1)
    for first in (step("LOCK TABLE users IN SHARE MODE", 1, SHARE), trigger):
        assert "values-lost" not in codes(revision(first, copy, drop, **refused))
    assert "values-lost" not in codes(revision(copy, drop, tables={ORDERS: TABLES[ORDERS]}, **refused))


def test_a_new_column_under_the_name_of_one_that_was_renamed() -> None:
    """The code finds the name, and NULL: the values are in a column that it does not know."""
    after = {**BASE, **column(f"{USERS}.name_old")}
    swap = (
        step("ALTER TABLE users ADD COLUMN name_new text", 1),
        step("ALTER TABLE users RENAME name TO name_old", 1),
        step('ALTER TABLE users RENAME COLUMN name_new TO "name"', 1),
    )
    assert codes(revision(*swap, after=after)) == {"values-lost": "error"}
    assert said(revision(*swap, after=after), "values-lost").statement == 1
    filled = step("UPDATE users SET name_new = name", None, rows=updated(), count=10)
    assert codes(revision(swap[0], filled, *swap[1:], after=after)) == {}
    before = {**BASE, **column(f"{USERS}.name_new")}
    assert "values-lost" not in codes(revision(*swap[1:], before=before, after=after))


def test_a_new_table_under_the_name_of_one_that_was_renamed() -> None:
    """The code finds the name, and no rows; as a partition of the new table, the old one keeps them readable."""
    swap = step("ALTER TABLE users RENAME TO users_2025", 1), step("CREATE TABLE users (LIKE users_2025)", 1)
    assert codes(revision(*swap, after={**BASE, **table("public.users_2025")})) == {"values-lost": "error"}
    assert codes(revision(*swap, after={**BASE, **table("public.users_2025", parents=(USERS,))})) == {}


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
        found = said(revision(step(text, rows=rows)), "unbatched-write")
        assert "writes all rows without a value of public.users" in found.message
    narrow = step("UPDATE users SET name = 'a' WHERE name IS NULL AND id < 100", rows={USERS: RowCounts(updated=12)})
    assert codes(revision(narrow)) == {}
    batch = "UPDATE users SET name = 'a' WHERE id IN (SELECT id FROM users WHERE name IS NULL LIMIT 500)"
    assert codes(revision(step(batch, None, rows=rows))) == {}
    assert codes(revision(step(batch, None, rows=rows, count=2))) == {}
    assert codes(revision(step(batch, rows=rows, count=2, transactions=2))) == {}
    assert codes(revision(step(batch, rows=rows, count=2))) == {"unbatched-write": "error"}
    for other in ("DELETE FROM users WHERE name IS NULL", "UPDATE users SET email = 'a' WHERE name IS NULL"):
        assert "unbatched-write" not in codes(revision(step(other, rows=rows)))


def test_a_statement_that_matched_nothing_was_not_seen() -> None:
    """It was to write rows of a table that has some; who gives the rows itself, or wrote some, is seen."""
    held = {USERS: LockMode.ROW_EXCLUSIVE}
    wrote = {USERS: RowCounts(updated=3)}
    for text in (
        "UPDATE users SET name = 'a' WHERE name = 'b'",
        "-- no more\nDELETE FROM users USING other o WHERE o.id = users.id",
        "WITH gone AS (SELECT 1) DELETE FROM users WHERE id IN (TABLE gone)",
        "INSERT INTO users (name) SELECT name FROM users WHERE name = 'b'",
    ):
        found = said(revision(step(text, locks=held)), "not-seen-at-work")
        assert "matched no row of the sandbox" in found.message
        assert said(revision(step(text)), "not-seen-at-work").relation == USERS  # locked by a statement before
        assert "not-seen-at-work" not in codes(revision(step(text, locks=held, rows=wrote)))
    for other in (
        "INSERT INTO users VALUES (1) ON CONFLICT DO NOTHING",
        "SELECT 1 FROM users",
        "UPDATE nobody SET a = 1",
    ):
        assert "not-seen-at-work" not in codes(revision(step(other, locks=held if "users" in other else {})))


def test_duplicate_index() -> None:
    """An index over the first columns of another one serves no query of its own."""
    before = {**BASE, **index("ix_both", USERS, "btree (email, name)")}
    build = step("SELECT 1")
    assert codes(revision(build, before=before, after={**before, **index("ix", USERS)})) == {
        "duplicate-index": "warning"
    }
    for other in (index("ix", USERS, "btree (name)"), index("ix", USERS, unique=True)):
        assert codes(revision(build, before=before, after={**before, **other})) == {}


def test_rows_that_are_locked_and_then_written_count_once() -> None:
    """A batch that is locked first is no larger for that; all rows locked are as bad as all rows written."""
    lock = step("SELECT … FOR UPDATE", 1, locked={USERS: 700})
    assert codes(revision(lock, step("UPDATE users …", 1, rows=updated(700)))) == {}
    assert codes(revision(step("SELECT … FOR UPDATE", 1, locked={USERS: 1500}))) == {"unbatched-write": "error"}


def test_row_security_without_policy() -> None:
    """Of four commands those are named that no policy allows; a new table, or one that had it, is nobody's trouble."""
    on = step("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
    secured = table(USERS, row_security=True)
    reading, everything = (
        {("policy", f"{USERS}.own"): {"command": command, "permissive": True}} for command in ("select", "all")
    )
    found = said(revision(on, after={**BASE, **secured, **reading}), "row-security-without-policy")
    assert "no policy allows INSERT, UPDATE, DELETE: roles other than its owner find no row" in found.message
    assert codes(revision(on, after={**BASE, **secured, **everything})) == {}
    assert codes(revision(on, before={**BASE, **secured}, after={**BASE, **secured})) == {}


def test_unique_index_may_fail() -> None:
    """Whether two rows are equal, the sandbox cannot know; where something kept them apart, none are."""
    build = step("CREATE UNIQUE INDEX CONCURRENTLY uq", None, indexes_built=("public.uq",), lock_timeout="0")
    unique = index("uq", USERS, "btree (email)", unique=True)
    found = said(revision(build, after={**BASE, **unique}), "unique-index-may-fail")
    assert found.message.endswith("its build fails where two rows are equal, and leaves an invalid index.")
    assert found.help == (
        "Look first: SELECT email, count(*) FROM public.users WHERE email IS NOT NULL"
        " GROUP BY email HAVING count(*) > 1"
    )
    keys = "(COALESCE(name, (email || '),')), email DESC NULLS LAST) WITH (fillfactor='90')"
    odd = index("uq", USERS, f"btree {keys}", unique=True)
    asked = said(revision(build, after={**BASE, **odd}), "unique-index-may-fail").help
    assert "SELECT COALESCE(name, (email || '),')), email, count(*) FROM" in asked
    new = {**BASE, **column(f"{USERS}.slug"), **index("uq", USERS, "btree (slug)", unique=True)}
    filling = step("UPDATE users SET slug = name WHERE id < 5", 1, rows=updated(5))
    assert codes(revision(build, after=new)) == {}
    assert "unique-index-may-fail" in codes(revision(filling, build, after=new))
    kept = {**BASE, **index("pk", USERS, "btree (id)", unique=True)}
    both = index("uq", USERS, "btree (id, lower((email)::text)) INCLUDE (name)", unique=True)
    assert codes(revision(build, before=kept, after={**kept, **both})) == {}


def test_foreign_key_without_index() -> None:
    """Each delete of a user would read all orders."""
    after = {
        **BASE,
        **constraint(f"{ORDERS}.fk", "foreign key", "FOREIGN KEY (user_id) REFERENCES public.users(id) NOT VALID"),
    }
    found = said(revision(step("ADD fk"), after=after), "foreign-key-without-index")
    assert 'op.create_index("ix_orders_user_id", "orders", ["user_id"]' in str(found.fix)
    assert codes(revision(step("ADD fk"), after={**after, **index("ix", ORDERS, "btree (user_id, id)")})) == {}


def test_partition_of_live_parent() -> None:
    """PARTITION OF locks the parent: a warning; with a default partition to read it is an error."""
    after = {**BASE, **table("public.part", parents=(USERS,), partition_bound="FOR VALUES IN (1)")}
    create = step("CREATE TABLE part PARTITION OF users", 1, EXCLUSIVE, created=changed("table", "public.part"))
    assert codes(revision(create, after=after)) == {"partition-of-live-parent": "warning"}
    assert codes(revision(replace(create, scanned={ORDERS: 2000}), after=after)) == {
        "partition-of-live-parent": "error"
    }
    attach = replace(create, sql="ALTER TABLE users ATTACH PARTITION part", locks={USERS: LIGHT})
    assert codes(revision(attach, after=after)) == {}


def test_invalid_index_left() -> None:
    """An invalid index costs every write and serves no query."""
    after = {**BASE, **index("ix", USERS, valid=False)}
    build = step("CREATE INDEX CONCURRENTLY ix", None, lock_timeout="0")
    assert codes(revision(build, after=after)) == {"invalid-index-left": "error"}
    parent = {**after, **table(USERS, "id", "email", "name", kind="partitioned table")}
    only = step("CREATE INDEX ix ON ONLY users")
    assert codes(revision(only, before=without(parent, "public.ix"), after=parent)) == {"invalid-index-left": "error"}


def test_lock_without_timeout() -> None:
    """A lock that may be waited for without end is worth a note."""
    assert codes(revision(step("ALTER", 1, EXCLUSIVE, lock_timeout="0"))) == {"lock-without-timeout": "note"}
    assert codes(revision(step("ALTER", 1, LIGHT, lock_timeout="0"))) == {}


def test_vector_type_change() -> None:
    """Another vector type rewrites the table; a rewrite for it is told by this rule alone."""
    before = {**BASE, **column(EMBEDDING, "public.vector(64)")}
    after = {**BASE, **column(EMBEDDING, "public.halfvec(64)")}
    alter = step("ALTER TABLE users ALTER COLUMN embedding TYPE …", 1, EXCLUSIVE, rewritten=(USERS,))
    trace = revision(alter, before=before, after=after)
    assert codes(trace) == {"vector-type-change": "error"}
    assert "ADD COLUMN embedding_new public.halfvec(64)" in str(said(trace, "vector-type-change").fix)


def test_ivfflat_on_empty_table() -> None:
    """Lists of an index that was built on no vectors mean nothing."""
    fresh = {**BASE, **table("public.items", "id"), **column("public.items.embedding", "vector(3)")}
    after = {**fresh, **index("ix", "public.items", "ivfflat (embedding vector_l2_ops) WITH (lists='1')")}
    build = step("CREATE INDEX ix", indexes_built=("public.ix",))
    assert codes(revision(build, after=after)) == {"ivfflat-on-empty-table": "error"}
    fill = step("INSERT INTO items", rows={"public.items": RowCounts(inserted=100)})
    assert codes(revision(fill, build, after=after)) == {}


def test_ivfflat_on_a_new_column() -> None:
    """All values of a new column are NULL, and NULL is not indexed."""
    after = {**BASE, **column(EMBEDDING, "vector(3)"), **index("ix", USERS, "ivfflat (embedding vector_l2_ops)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    assert codes(revision(build, after=after)) == {"ivfflat-on-empty-table": "error"}
    filled = {**BASE, **column(EMBEDDING, "vector(3)")}
    assert codes(revision(build, before=filled, after=after)) == {}


def test_ann_options_without_reindex() -> None:
    """SET (m = …) has no effect until a REINDEX."""
    before = {**BASE, **column(EMBEDDING, "vector(3)"), **HNSW}
    after = {**before, **index("ix", USERS, "hnsw (embedding vector_l2_ops)", options=("m=24",))}
    alter = step("ALTER INDEX ix SET (m = 24)")
    assert codes(revision(alter, before=before, after=after)) == {"ann-options-without-reindex": "warning"}
    again = step("REINDEX INDEX CONCURRENTLY ix", None, LIGHT, lock_timeout="0")
    assert codes(revision(alter, again, before=before, after=after)) == {}


def test_undeclared_dimension_under_index() -> None:
    """The column takes any vector now, its index does not."""
    before = {**BASE, **column(EMBEDDING, "vector(3)"), **HNSW}
    after = {**BASE, **column(EMBEDDING, "vector"), **HNSW}
    assert codes(revision(step("ALTER"), before=before, after=after)) == {"undeclared-dimension-under-index": "error"}
    bare = without(before, "public.ix"), without(after, "public.ix")
    assert codes(revision(step("ALTER"), before=bare[0], after=bare[1])) == {}


def test_ann_index_before_backfill() -> None:
    """Vectors that are written after the build are inserted into the index one by one."""
    before = {**BASE, **column(EMBEDDING, "vector(3)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    fill = step("UPDATE users SET embedding", None, rows=updated(), count=4)
    after = {**before, **HNSW}
    memory = {"index-build-exceeds-memory": "note"}
    expected = {"ann-index-before-backfill": "warning"} | memory
    assert codes(revision(build, fill, before=before, after=after)) == expected
    assert codes(revision(fill, build, before=before, after=after)) == memory


def test_ann_index_never_used() -> None:
    """No vector is NULL, and nothing is false: the index stays empty. A condition that can hold is fine."""
    build = step("SELECT 1")
    for condition, wrong in (
        ("(embedding IS NULL)", True),
        ("((email = 'a'::text) AND (embedding IS NULL))", True),
        ("false", True),
        ("((email = 'a'::text) OR (embedding IS NULL))", False),
        ("(name IS NULL)", False),
        ("(embedding IS NOT NULL)", False),
    ):
        definition = f"hnsw (embedding public.vector_l2_ops) WHERE {condition}"
        after = {**BASE, **column(EMBEDDING, "public.vector(3)"), **index("ix", USERS, definition, predicate=condition)}
        before = {**BASE, **column(EMBEDDING, "public.vector(3)")}
        assert codes(revision(build, before=before, after=after)) == (
            {"ann-index-never-used": "error"} if wrong else {}
        )


def test_index_build_exceeds_memory() -> None:
    """A vector of 768 dimensions takes 3.5 kB in the graph: 64 MB hold some 19,000 of them."""
    after = {**BASE, **column(EMBEDDING, "public.vector(768)"), **index("ix", USERS, "hnsw (embedding vector_l2_ops)")}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    chosen = step("SET maintenance_work_mem = '2GB'", None)
    trace, prepared = revision(build, after=after), revision(chosen, build, after=after)

    def known(rows: int) -> Statistics:
        target = Target("shop", "18.4", datetime(2026, 1, 1, tzinfo=UTC), maintenance_work_mem=64 * 1024**2)
        return Statistics({USERS: TableStatistics(rows)}, target)

    assert codes(trace) == {"index-build-exceeds-memory": "note"}
    assert codes(trace, known(100_000)) == {"index-build-exceeds-memory": "warning"}
    assert codes(trace, known(10_000)) == {}
    assert codes(prepared) == {}
    assert codes(prepared, known(100_000)) == {}


def test_extension_with_known_defects() -> None:
    """What counts is the version at the target, where it is known."""
    after = {**BASE, **column(EMBEDDING, "vector(3)"), **HNSW, ("extension", "vector"): {"version": "0.8.5"}}
    build = step("CREATE INDEX CONCURRENTLY ix", None, LIGHT, indexes_built=("public.ix",), lock_timeout="0")
    for installed, wrong in (("0.8.1", True), ("0.8.4", False), (None, False)):
        target = Target("shop", "18.4", datetime(2026, 1, 1, tzinfo=UTC), extensions={"vector": Extension(installed)})
        found = codes(revision(build, after=after), Statistics({USERS: TableStatistics(2000)}, target))
        assert ("extension-with-known-defects" in found) is wrong


def test_blocking_refresh() -> None:
    """Nobody reads the view while its tables are; CONCURRENTLY takes EXCLUSIVE, under which reads go on."""
    view: Objects = {("view", "public.totals"): {"kind": "materialized view", "populated": True}}
    key: Objects = {
        ("index", "public.key"): {
            "table": "public.totals",
            "unique": True,
            "definition": "CREATE UNIQUE INDEX key ON public.totals USING btree (name)",
        }
    }
    both = {**BASE, **view, **key}
    refresh = step("REFRESH MATERIALIZED VIEW totals", locks={"public.totals": EXCLUSIVE}, scanned={USERS: 2000})
    trace = revision(refresh, before=both)
    assert codes(trace) == {"blocking-refresh": "error"}
    assert said(trace, "blocking-refresh").fix == 'op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")\n'
    assert said(revision(refresh, before={**BASE, **view}), "blocking-refresh").fix is None
    lighter = replace(refresh, locks={"public.totals": LockMode.EXCLUSIVE})
    assert codes(revision(lighter, before=both)) == {}


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


def test_a_column_that_refuses_values() -> None:
    """Old INSERTs had to name the column; GENERATED ALWAYS refuses what they give."""
    own = f"{USERS}.id"
    before = {**BASE, **column(own, "bigint", not_null=True)}
    for identity, wrong in (("always", True), ("by default", False)):
        after = {**BASE, **column(own, "bigint", not_null=True, identity=identity)}
        found = codes(revision(step("ALTER TABLE users ALTER id ADD GENERATED"), before=before, after=after))
        assert found == ({"required-column": "error"} if wrong else {})


def test_corrected_revisions_quote_what_needs_it() -> None:
    """Names with capitals keep their quotes in SQL and lose them in arguments of operations."""
    name = 'public."Users"'
    before = {**table(name), **column(f'{name}."Mail"')}
    after = {**table(name), **column(f'{name}."Mail"', not_null=True)}
    tables = {name: TableFacts(2000, 100_000)}
    alter = step('ALTER TABLE "Users" ALTER "Mail" SET NOT NULL', locks={name: EXCLUSIVE}, scanned={name: 2000})
    fix = str(said(revision(alter, before=before, after=after, tables=tables), "set-not-null-scan").fix)
    assert fix.splitlines() == [
        (
            'op.execute(\'ALTER TABLE public."Users" DROP CONSTRAINT IF EXISTS ck_users_mail_not_null, '
            'ADD CONSTRAINT ck_users_mail_not_null CHECK ("Mail" IS NOT NULL) NOT VALID\')'
        ),
        "# The block commits first, so that nothing is locked while the rows are read.",
        "with op.get_context().autocommit_block():",
        "    op.execute('ALTER TABLE public.\"Users\" VALIDATE CONSTRAINT ck_users_mail_not_null')",
        'op.execute(\'ALTER TABLE public."Users" ALTER COLUMN "Mail" SET NOT NULL\')',
        "op.execute('ALTER TABLE public.\"Users\" DROP CONSTRAINT ck_users_mail_not_null')",
        "",
        "",
        "def downgrade() -> None:",
        '    op.execute(\'ALTER TABLE public."Users" ALTER COLUMN "Mail" DROP NOT NULL\')',
    ]


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
