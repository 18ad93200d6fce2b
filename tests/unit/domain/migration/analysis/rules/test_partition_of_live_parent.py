"""The rule `partition-of-live-parent`: where it speaks, and where it does not."""

from dataclasses import replace

from domain.migration.diagnostic import Severity
from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE, LIGHT, SHARE, diagnostic
from tests.unit.domain.migration.traces import (
    BASE,
    ORDERS,
    USERS,
    Objects,
    changed,
    codes,
    constraint,
    revision,
    step,
    table,
)


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


def test_a_partition_whose_scan_is_reported_is_not_reported_again() -> None:
    """The error about the scan names its statement; a warning about the lock beside it would say less."""
    after = {**BASE, **table("public.part", parents=(USERS,), partition_bound="DEFAULT")}
    made = changed("table", "public.part")
    create = step("CREATE TABLE part PARTITION OF users", 1, EXCLUSIVE, created=made, scanned={ORDERS: 2000})
    assert diagnostic(revision(create, after=after), "partition-of-live-parent").severity is Severity.ERROR


def test_a_partition_without_a_statement_or_of_another_lock_is_not_said() -> None:
    """Nobody knows which statement made it, or the statement that did locked another table, or lightly."""
    after = {**BASE, **table("public.part", parents=(USERS,), partition_bound="DEFAULT")}
    other = step("CREATE TABLE x", 1, EXCLUSIVE)
    assert "partition-of-live-parent" not in codes(revision(other, after=after))
    for locks in ({ORDERS: EXCLUSIVE}, {USERS: LIGHT}, {USERS: SHARE}):
        create = step("CREATE TABLE part", locks=locks, created=changed("table", "public.part"))
        assert "partition-of-live-parent" not in codes(revision(create, after=after))


def test_the_code_for_a_partition() -> None:
    """A table like its parent, which is attached under a lighter lock."""
    after = {**BASE, **table("public.part", parents=(USERS,), partition_bound="DEFAULT")}
    create = step("CREATE TABLE part PARTITION OF users", 1, EXCLUSIVE, created=changed("table", "public.part"))
    fix = str(diagnostic(revision(create, after=after), "partition-of-live-parent").fix)
    assert "CREATE TABLE public.part (LIKE public.users INCLUDING ALL EXCLUDING IDENTITY)" in fix
    assert "ALTER TABLE public.users ATTACH PARTITION public.part DEFAULT" in fix
    again = {**BASE, **table("public.part", parents=(USERS,), partition_bound="DEFAULT", partition_key="LIST (kind)")}
    fix = str(diagnostic(revision(create, after=again), "partition-of-live-parent").fix)
    assert "INCLUDING ALL EXCLUDING IDENTITY) PARTITION BY LIST (kind)" in fix


def test_the_code_keeps_what_only_the_partition_has() -> None:
    """Its storage, and the constraints that do not come from its parent."""
    part = table("public.part", parents=(USERS,), partition_bound="DEFAULT", persistence="unlogged", options=("a=7",))
    own = constraint("public.part.own", "check", "CHECK (x)")
    inherited: Objects = {("constraint", "public.part.of_all"): {"type": "check", "definition": "y", "inherited": True}}
    create = step("CREATE TABLE part PARTITION OF users", 1, EXCLUSIVE, created=changed("table", "public.part"))
    code = str(diagnostic(revision(create, after={**BASE, **part, **own, **inherited}), "partition-of-live-parent").fix)
    assert "CREATE UNLOGGED TABLE public.part (LIKE public.users INCLUDING ALL EXCLUDING IDENTITY) WITH (a=7)" in code
    assert "ALTER TABLE public.part ADD CONSTRAINT own CHECK (x)" in code
    assert "of_all" not in code
