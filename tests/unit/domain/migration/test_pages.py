"""The pages of rules and checks by their codes."""

import pytest

from domain.migration.errors import UnknownNameError
from domain.migration.pages import all_pages, page_of


def test_each_code_has_one_page() -> None:
    """No code has two pages, and each code leads to its own."""
    pages = all_pages()

    assert len({page.code for page in pages}) == len(pages)
    assert [page_of(page.code) for page in pages] == list(pages)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("blocking-index-built", "did you mean blocking-index-build? migrate rules lists all"),
        ("zzz", "migrate rules lists all"),
    ],
)
def test_unknown_codes_are_refused(code: str, hint: str) -> None:
    """A code that nothing has is refused with the nearest one, if there is one that is near."""
    with pytest.raises(UnknownNameError, match=f"there is no rule or check '{code}'") as caught:
        page_of(code)

    assert caught.value.hint == hint
