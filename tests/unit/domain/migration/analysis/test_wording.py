"""Tables in sentences."""

from domain.migration.analysis.wording import listed


def test_tables_in_a_sentence() -> None:
    """Four are named, of five two and how many more."""
    assert listed(["a", "b", "c", "d"]) == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b and 3 other tables"
