"""The rule `unique-index-may-fail`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, index, revision, step, updated


def test_unique_index_may_fail() -> None:
    """Whether two rows are equal, the sandbox cannot know; where something kept them apart, none are."""
    build = step("CREATE UNIQUE INDEX CONCURRENTLY uq", None, indexes_built=("public.uq",), lock_timeout="0")
    unique = index("uq", USERS, "btree (email)", unique=True)
    found = diagnostic(revision(build, after={**BASE, **unique}), "unique-index-may-fail")
    assert found.message.endswith("its build fails where two rows are equal, and leaves an invalid index.")
    assert found.help == (
        "Look first: SELECT email, count(*) FROM public.users WHERE email IS NOT NULL"
        " GROUP BY email HAVING count(*) > 1"
    )
    keys = "(COALESCE(name, (email || '),')), email DESC NULLS LAST) WITH (fillfactor='90')"
    odd = index("uq", USERS, f"btree {keys}", unique=True)
    asked = diagnostic(revision(build, after={**BASE, **odd}), "unique-index-may-fail").help
    assert "SELECT COALESCE(name, (email || '),')), email, count(*) FROM" in asked
    new = {**BASE, **column(f"{USERS}.slug"), **index("uq", USERS, "btree (slug)", unique=True)}
    filling = step("UPDATE users SET slug = name WHERE id < 5", 1, rows=updated(5))
    assert codes(revision(build, after=new)) == {}
    assert "unique-index-may-fail" in codes(revision(filling, build, after=new))
    kept = {**BASE, **index("pk", USERS, "btree (id)", unique=True)}
    both = index("uq", USERS, "btree (id, lower((email)::text)) INCLUDE (name)", unique=True)
    assert codes(revision(build, before=kept, after={**kept, **both})) == {}
