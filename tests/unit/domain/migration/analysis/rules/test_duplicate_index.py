"""The rule `duplicate-index`: where it speaks, and where it does not."""

from tests.unit.domain.migration.traces import BASE, USERS, codes, index, revision, step


def test_duplicate_index() -> None:
    """An index over the first columns of another one serves no query of its own."""
    before = {**BASE, **index("ix_both", USERS, "btree (email, name)")}
    build = step("SELECT 1")
    assert codes(revision(build, before=before, after={**before, **index("ix", USERS)})) == {
        "duplicate-index": "warning"
    }
    for other in (index("ix", USERS, "btree (name)"), index("ix", USERS, unique=True)):
        assert codes(revision(build, before=before, after={**before, **other})) == {}
