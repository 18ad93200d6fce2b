"""The documentation of all diagnostic codes: the pages of the rules of analyze and of the checks of verify."""

from difflib import get_close_matches

from domain.migration.analysis.rule import Page
from domain.migration.analysis.rules import all_rules
from domain.migration.errors import UnknownNameError
from domain.migration.verification.checks import all_checks


def all_pages() -> tuple[Page, ...]:
    """Return the pages of all rules, and of the checks whose code no rule has."""
    rules = all_rules()
    rule_codes = {rule.code for rule in rules}
    return (*rules, *(check for check in all_checks() if check.code not in rule_codes))


def page_of(code: str) -> Page:
    """Return the page of a rule or check.

    Raises:
        UnknownNameError: No rule or check has that code.
    """
    pages = {page.code: page for page in all_pages()}
    if code not in pages:
        matches = get_close_matches(code, pages, n=1)
        hint = f"did you mean {matches[0]}? migrate rules lists all" if matches else "migrate rules lists all"
        raise UnknownNameError(f"there is no rule or check {code!r}", hint)
    return pages[code]
