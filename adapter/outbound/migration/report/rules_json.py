"""The rules as JSON, schema `hexalembic.rules/1`: a list of code, severity, title, documentation, bad and good."""

import json
from collections.abc import Iterable

from adapter.outbound.migration.report.rules_markdown import code_of
from domain.migration.analysis.rule import Rule

SCHEMA = "hexalembic.rules/1"


def render(rules: Iterable[Rule]) -> str:
    """Write the rules as JSON, two spaces deep."""
    found = [
        {
            "code": rule.code,
            "severity": rule.severity.value,
            "title": rule.title,
            "documentation": rule.documentation,
            "bad": code_of(rule.bad),
            "good": code_of(rule.good),
        }
        for rule in rules
    ]
    return json.dumps({"schema": SCHEMA, "rules": found}, indent=2, ensure_ascii=False)
