"""The rule `required-column`: where it speaks, and where it does not."""

from tests.unit.domain.migration.analysis.rules.shared import EXCLUSIVE
from tests.unit.domain.migration.traces import BASE, USERS, codes, column, revision, step


def test_required_column() -> None:
    """INSERTs that do not know a NOT NULL column without default fail."""
    add = step("ALTER TABLE users ADD COLUMN plan text", 1, EXCLUSIVE)
    assert codes(revision(add, after={**BASE, **column(f"{USERS}.plan", not_null=True)})) == {
        "required-column": "error"
    }
    for given in ({"default": "'free'::text"}, {"identity": "always"}, {"generated": "stored"}):
        assert codes(revision(add, after={**BASE, **column(f"{USERS}.plan", not_null=True, **given)})) == {}


def test_a_column_that_refuses_values() -> None:
    """Old INSERTs had to name the column; GENERATED ALWAYS refuses what they give."""
    own = f"{USERS}.id"
    before = {**BASE, **column(own, "bigint", not_null=True)}
    for identity, wrong in (("always", True), ("by default", False)):
        after = {**BASE, **column(own, "bigint", not_null=True, identity=identity)}
        found = codes(revision(step("ALTER TABLE users ALTER id ADD GENERATED"), before=before, after=after))
        assert found == ({"required-column": "error"} if wrong else {})
