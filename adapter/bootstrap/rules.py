"""Wiring of `migrate rules`."""

from difflib import get_close_matches
from typing import TYPE_CHECKING

from adapter.outbound.migration.report import rules_json, rules_markdown, rules_text
from adapter.outbound.migration.report.terminal import terminal_width
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import shown
from domain.migration.analysis.rule import Page
from domain.migration.analysis.rules import all_rules
from domain.migration.verification.checks import all_checks

if TYPE_CHECKING:
    from pathlib import Path


def render_rules(code: str | None, form: str, *, color: bool) -> str:
    """Return a rule or check, or all of them, in a format: text, json or markdown.

    Args:
        code: The code of the rule or check; None for all.
        form: The name of the format.
        color: Whether the text is colored.

    Raises:
        DatabaseConfigurationError: No rule or check has that code.
    """
    rules = {page.code: page for page in all_pages()}
    if code is not None and code not in rules:
        matches = get_close_matches(code, rules, n=1)
        hint = f"did you mean {matches[0]}? migrate rules lists all" if matches else "migrate rules lists all"
        raise DatabaseConfigurationError(f"there is no rule or check {shown(code)!r}", hint)
    pages = [rules[code]] if code is not None else list(rules.values())
    if form == "json":
        return rules_json.render(pages)
    if form == "markdown":
        return rules_markdown.render(pages)
    width = terminal_width()
    if code is not None:
        return rules_text.render_one(pages[0], color=color, width=width)
    return rules_text.render_list(pages, color=color, width=width)


def all_pages() -> tuple[Page, ...]:
    """Return the pages of all rules, and of the checks whose code no rule has."""
    rules = all_rules()
    rule_codes = {rule.code for rule in rules}
    return (*rules, *(check for check in all_checks() if check.code not in rule_codes))


def write_rules(page: "Path") -> int:
    """Write the page of all rules and checks, and return their number."""
    rules = all_pages()
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(rules_markdown.render(rules), encoding="utf-8")
    return len(rules)


def is_current(page: "Path") -> bool:
    """Return whether a page corresponds to the current rules."""
    return page.read_text(encoding="utf-8") == rules_markdown.render(all_pages())
