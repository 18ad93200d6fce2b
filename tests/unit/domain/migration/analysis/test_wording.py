"""Tables in sentences."""

from domain.migration.analysis.impact import Work, WorkKind
from domain.migration.analysis.wording import activity, listed


def test_tables_in_a_sentence() -> None:
    """Four are named, of five two and how many more."""
    assert listed(["a", "b", "c", "d"]) == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b and 3 other tables"


def test_work_on_tables_in_a_sentence() -> None:
    """Three tables are named with the work on each, five by the kind of work, with how many more."""
    works = [Work(0, table, WorkKind.SCAN) for table in "abcde"]
    assert activity(works[:3]) == "reads every row of a and reads every row of b and reads every row of c"
    assert activity(works) == "reads every row of a, b and 3 other tables"
