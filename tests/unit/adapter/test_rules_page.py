"""`migrate rules`: the page in docs/, the list, one rule, and what it says of a code that there is not."""

import json
from pathlib import Path

import pytest

from adapter.bootstrap.rules import is_current, render_rules, write_rules
from adapter.inbound.cli.errors import describe_error
from domain.migration.errors import UnknownNameError
from domain.migration.pages import all_pages
from tests.support import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "rules.md"


def test_the_page_is_what_the_rules_are(tmp_path: Path) -> None:
    """A rule that is added or reworded must be written into the page, which a changed page shows."""
    assert is_current(PAGE), "rewrite it with: migrate rules --output docs/rules.md"
    changed = tmp_path / "rules.md"
    assert write_rules(changed) == len(all_pages())
    changed.write_text(changed.read_text(encoding="utf-8").replace("An index", "A index"), encoding="utf-8")
    assert not is_current(changed)


def test_every_format_has_every_rule() -> None:
    """No rule and no check is left out of the list, of JSON, or of Markdown."""
    text, markdown = (render_rules(None, form, color=False) for form in ("text", "markdown"))
    listed = json.loads(render_rules(None, "json", color=False))["rules"]

    assert [one["code"] for one in listed] == [rule.code for rule in all_pages()]
    for rule in all_pages():
        assert rule.code in text
        assert f"## {rule.code}\n" in markdown


def test_one_rule_has_its_examples_and_how_to_accept_it() -> None:
    """The page of a rule shows the bad revision, the good one, and the line that accepts it."""
    text = render_rules("blocking-index-build", "text", color=False)

    assert 'op.create_index("ix_users_email", "users", ["email"])' in text
    assert "with op.get_context().autocommit_block():" in text
    assert 'safety_assured = {"blocking-index-build": "why it is safe here"}' in text


def test_a_code_that_there_is_not() -> None:
    """The nearest code is proposed; an address in its place is not shown."""
    with pytest.raises(UnknownNameError) as caught:
        render_rules("blocking-index-built", "text", color=False)
    described = describe_error(caught.value)
    assert described is not None
    assert described[0] == 2
    assert "did you mean blocking-index-build?" in described[2]
