"""The rule `invalid-index-left`: where it speaks, and where it does not."""

from tests.unit.domain.migration.traces import BASE, USERS, codes, index, revision, step, table, without


def test_invalid_index_left() -> None:
    """An invalid index costs every write and serves no query."""
    after = {**BASE, **index("ix", USERS, valid=False)}
    build = step("CREATE INDEX CONCURRENTLY ix", None, lock_timeout="0")
    assert codes(revision(build, after=after)) == {"invalid-index-left": "error"}
    parent = {**after, **table(USERS, "id", "email", "name", kind="partitioned table")}
    only = step("CREATE INDEX ix ON ONLY users")
    assert codes(revision(only, before=without(parent, "public.ix"), after=parent)) == {"invalid-index-left": "error"}
