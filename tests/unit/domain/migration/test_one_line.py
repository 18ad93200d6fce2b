"""A text in one line of a sentence."""

from domain.migration.one_line import in_one_line


def test_a_text_that_just_fits_is_whole() -> None:
    """One character more is cut, so that the line is as wide as said; blanks and newlines are one blank."""
    assert in_one_line("SELECT\n  1", 8) == "SELECT 1"
    assert in_one_line("SELECT 12", 8) == "SELECT …"
