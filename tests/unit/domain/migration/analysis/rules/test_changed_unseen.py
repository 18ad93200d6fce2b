"""The rule `changed-unseen`: what it says of one change of a table, and of several."""

from domain.migration.trace import UnreportedChange
from tests.unit.domain.migration.analysis.rules.shared import diagnostic
from tests.unit.domain.migration.traces import USERS, revision, step


def test_changes_of_one_table_are_one_diagnostic() -> None:
    """The first change is named, and the number of further ones if there are any."""
    sentences = ("5 rows were updated", "it was locked", "a row was deleted")
    changes = [UnreportedChange(USERS, sentence) for sentence in sentences]
    alone, both, three = (
        diagnostic(revision(step("SELECT 1"), unreported=(*changes[:count],)), "changed-unseen") for count in (1, 2, 3)
    )
    assert ": 5 rows were updated. The locks" in alone.message
    assert ": 5 rows were updated, and 1 more change. The locks" in both.message
    assert ": 5 rows were updated, and 2 more changes. The locks" in three.message
    assert (alone.relation, three.relation) == (USERS, USERS)


def test_a_change_of_an_unknown_table() -> None:
    """It is named by itself, without a table."""
    unreported = (UnreportedChange("", "WAL was written"),)
    unknown = diagnostic(revision(step("SELECT 1"), unreported=unreported), "changed-unseen")
    assert "did something outside of its traced statements: WAL was written." in unknown.message
    assert unknown.relation is None
