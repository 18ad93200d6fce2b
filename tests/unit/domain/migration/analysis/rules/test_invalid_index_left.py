"""The rule `invalid-index-left`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, ORDERS, USERS, codes, index, revision, step, table, without


def test_invalid_index_left() -> None:
    """An invalid index costs every write and serves no query."""
    after = {**BASE, **index("ix", USERS, valid=False)}
    build = step("CREATE INDEX CONCURRENTLY ix", None, lock_timeout="0")
    assert codes(revision(build, after=after)) == {"invalid-index-left": "error"}
    parent = {**after, **table(USERS, "id", "email", "name", kind="partitioned table")}
    only = step("CREATE INDEX ix ON ONLY users")
    assert codes(revision(only, before=without(parent, "public.ix"), after=parent)) == {"invalid-index-left": "error"}


def test_an_index_that_was_touched_by_nobody_is_not_said() -> None:
    """Neither a valid one nor one that was invalid before."""
    both = {**BASE, **index("ix", USERS, valid=False)}
    assert codes(revision(step("SELECT 1"), before=both, after=both)) == {}
    assert "invalid-index-left" not in codes(revision(step("CREATE INDEX ix"), after={**BASE, **index("ix", USERS)}))


def test_a_unique_index_that_two_equal_rows_made_invalid() -> None:
    """It is built again without UNIQUE; for any other reason it stays unique."""
    after = {**BASE, **index("uq", USERS, unique=True, valid=False)}
    for sqlstate, plain in (("23505", True), ("55P03", False)):
        failed = step("CREATE UNIQUE INDEX CONCURRENTLY uq", None, error="no", sqlstate=sqlstate, lock_timeout="0")
        fix = str(diagnostic(revision(failed, after=after, went_on=True), "invalid-index-left").fix)
        assert ("Not unique, as two rows are equal." in fix) is plain
        assert ("CREATE UNIQUE INDEX" not in fix) is plain


def test_an_index_of_a_partitioned_table_is_built_partition_by_partition() -> None:
    """Of its own partitions; where one is partitioned itself, there is no code."""
    parent = {**BASE, **table(USERS, "id", "email", "name", kind="partitioned table")}
    parts = {**table("public.a", parents=(USERS,)), **table("public.other", parents=(ORDERS,))}
    ix = {
        ("index", "public.ix"): {
            **index("ix", USERS, valid=False)["index", "public.ix"],
            "definition": "CREATE INDEX ix ON ONLY public.users USING btree (email)",
        }
    }
    only = step("CREATE INDEX ix ON ONLY users")
    said = diagnostic(revision(only, before=parent, after={**parent, **parts, **ix}), "invalid-index-left")
    assert "a partition has no index attached to it" in said.message
    fix = str(said.fix)
    assert "CREATE INDEX CONCURRENTLY ix_a ON public.a USING btree (email)" in fix
    assert "ALTER INDEX public.ix ATTACH PARTITION public.ix_a" in fix
    assert "ix_other" not in fix
    deep = table("public.b", parents=(USERS,), kind="partitioned table")
    nested = revision(only, before=parent, after={**parent, **parts, **deep, **ix})
    assert diagnostic(nested, "invalid-index-left").fix is None
