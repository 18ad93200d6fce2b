"""What holds for every rule."""

import ast

import pytest

from domain.migration.analysis.rule import Rule
from domain.migration.analysis.rules import all_rules
from tests.unit.domain.migration.traces import codes, revision, step


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_is_complete(rule: Rule) -> None:
    """Each rule has documentation that says the safe way, and examples that are Python."""
    assert "The safe way" in rule.documentation or "safe" in rule.documentation or "honest" in rule.documentation
    for example in (rule.bad, rule.good):
        ast.parse(example.upgrade)
        ast.parse(example.downgrade)
    assert rule.code == rule.check.__module__.rpartition(".")[2].replace("_", "-")


def test_a_revision_that_does_nothing_gets_no_diagnostic() -> None:
    """Nothing locked, nothing changed, nothing to say."""
    assert codes(revision(step("SELECT 1"))) == {}
