"""Rules and checks as JSON, schema `hexalembic.rules/1`.

A list of objects with code, command (that reports it), severity, title, documentation, bad and good. The last two are
null where a single revision cannot show the problem.
"""

import json
from collections.abc import Iterable

from adapter.outbound.migration.report.rules_markdown import code_of
from domain.migration.analysis.rule import Page, Rule

SCHEMA = "hexalembic.rules/1"


def render(rules: Iterable[Page]) -> str:
    """Return the rules as JSON, indented by two spaces."""
    entries = [
        {
            "code": rule.code,
            "command": "analyze" if isinstance(rule, Rule) else "verify",
            "severity": rule.severity.value,
            "title": rule.title,
            "documentation": rule.documentation,
            "bad": None if rule.bad is None else code_of(rule.bad),
            "good": None if rule.good is None else code_of(rule.good),
        }
        for rule in rules
    ]
    return json.dumps({"schema": SCHEMA, "rules": entries}, indent=2, ensure_ascii=False)
