"""Names in statements and in texts for readers."""

from domain.migration.names import mention


def test_a_quote_within_a_name_is_doubled_in_sql() -> None:
    """In the text of a reader it is not; both mention the name."""
    statement = 'ALTER TABLE users RENAME "Na""me" TO "Title"'
    assert mention('public.users."Na""me"').search(statement)
    assert mention('public.users."Na""me"').search('drop Na"me last')
    assert not mention('public.users."Name"').search(statement)
