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
    """Write one rule or check, or all of them, in a format: text, json or markdown.

    Raises:
        DatabaseConfigurationError: There is nothing of that code.
    """
    rules = {page.code: page for page in all_pages()}
    if code is not None and code not in rules:
        near = get_close_matches(code, rules, n=1)
        hint = f"did you mean {near[0]}? migrate rules lists all" if near else "migrate rules lists all"
        raise DatabaseConfigurationError(f"there is no rule or check {shown(code)!r}", hint)
    chosen = [rules[code]] if code is not None else list(rules.values())
    if form == "json":
        return rules_json.render(chosen)
    if form == "markdown":
        return rules_markdown.render(chosen)
    width = terminal_width()
    if code is not None:
        return rules_text.render_one(chosen[0], color=color, width=width)
    return rules_text.render_list(chosen, color=color, width=width)


def all_pages() -> tuple[Page, ...]:
    """Return the rules, and the checks whose code no rule has."""
    rules = all_rules()
    known = {rule.code for rule in rules}
    return (*rules, *(check for check in all_checks() if check.code not in known))


def write_rules(page: "Path") -> int:
    """Write the page of all rules and checks; return how many there are."""
    rules = all_pages()
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(rules_markdown.render(rules), encoding="utf-8")
    return len(rules)


def is_current(page: "Path") -> bool:
    """Return whether a page is what the rules are now."""
    return page.read_text(encoding="utf-8") == rules_markdown.render(all_pages())
