"""A difference of catalogs in words."""

from domain.migration.snapshot import AttributeChange, SchemaDifference


def test_a_difference_is_its_sentences() -> None:
    """One a line, the missing ones first; none says so."""
    difference = SchemaDifference(
        missing=(("index", "public.ix"),),
        unexpected=(("index", "public.iy"),),
        changed=(AttributeChange(("index", "public.iz"), "valid", True, False),),
    )
    assert str(difference).splitlines() == [
        "index public.ix is missing",
        "index public.iz: valid is false, expected true",
        "index public.iy is unexpected",
    ]
    assert str(SchemaDifference()) == "no difference"
