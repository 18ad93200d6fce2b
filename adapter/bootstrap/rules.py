"""Wiring of `migrate rules`."""

from typing import TYPE_CHECKING

from adapter.outbound.migration.report import rules_markdown, writers
from adapter.outbound.migration.report.page import read_page, write_page
from domain.migration.pages import all_pages, page_of

if TYPE_CHECKING:
    from pathlib import Path


def render_rules(code: str | None, form: str, *, color: bool) -> str:
    """Return a rule or check, or all of them, in a format: text, json or markdown.

    Args:
        code: The code of the rule or check; None for all.
        form: The name of the format.
        color: Whether the text is colored.

    Raises:
        UnknownNameError: No rule or check has that code.
    """
    pages = all_pages() if code is None else (page_of(code),)
    return writers.render_rules(pages, form, color=color)


def write_rules(page: "Path") -> int:
    """Write the page of all rules and checks, and return their number."""
    pages = all_pages()
    write_page(page, rules_markdown.render(pages))
    return len(pages)


def is_current(page: "Path") -> bool:
    """Return whether a page corresponds to the current rules."""
    return read_page(page) == rules_markdown.render(all_pages())
