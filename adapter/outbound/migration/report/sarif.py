"""The common parts of reports as SARIF 2.1.0 (OASIS Standard, 27 March 2020), which code scanning reads."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from adapter.outbound.migration.report.rules_markdown import code_of
from adapter.outbound.postgres.redaction import redact
from domain.migration.analysis.rule import Page, Rule
from domain.migration.diagnostic import Severity

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def log(
    name: str, rules: Iterable[dict[str, Any]], results: Iterable[dict[str, Any]], properties: Mapping[str, Any]
) -> str:
    """Return a log with one run.

    Args:
        name: Name of the command.
        rules: The rules that may have results, from `page` or `described`.
        results: The results of the run, from `result`.
        properties: Properties of the run.
    """
    described_rules, result_list = list(rules), list(results)
    positions = {rule["id"]: position for position, rule in enumerate(described_rules)}
    for entry in result_list:
        entry["ruleIndex"] = positions[entry["ruleId"]]
    run = {
        "tool": {"driver": {"name": name, "rules": described_rules}},
        "results": redact(result_list),
        "properties": dict(properties),
    }
    document = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def result(rule: str, level: str, text: str, path: str, line: int) -> dict[str, Any]:
    """Return a result at a line of a file."""
    location = {"physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": {"startLine": line}}}
    return {"ruleId": rule, "level": level, "message": {"text": text}, "locations": [location]}


def page(rule: Page) -> dict[str, Any]:
    """Return the description of a rule: what happens, the safe way, a bad and a good revision."""
    first, _, rest = rule.documentation.partition("\n\n")
    code = "".join(f"\n\n{title}\n\n```python\n{code_of(example)}\n```" for title, example in rule.examples)
    return described(rule.code, rule.severity, first, rest or first, code, suppressed=isinstance(rule, Rule))


def described(
    code: str, severity: Severity, short: str, full: str, examples: str = "", *, suppressed: bool = True
) -> dict[str, Any]:
    """Return the description of a code.

    Args:
        code: The code.
        severity: The highest severity of diagnostics with this code.
        short: What happens, in one sentence.
        full: Why it happens, and the safe way.
        examples: Code examples in Markdown.
        suppressed: Whether a revision may accept it with `safety_assured`.
    """
    short, full = _flowing(short), "\n\n".join(map(_flowing, full.split("\n\n")))
    accept = f'To accept it, write in the revision: safety_assured = {{"{code}": "why it is safe here"}}.'
    text = f"{short}\n\n{full}" if full != short else short
    end = f"\n\n{accept}" if suppressed else ""
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in code.split("-")),
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {
            "text": f"{text}{examples.replace('```python', '').replace('```', '')}{end}",
            "markdown": f"{text}{examples}{end}",
        },
        "defaultConfiguration": {"level": LEVELS[severity]},
        "properties": {"tags": ["postgres", "alembic", "migration", *_topics(code)], "precision": "very-high"},
    }


def _flowing(paragraph: str) -> str:
    """Return a paragraph as one line; a paragraph of code keeps its lines."""
    return paragraph if paragraph.startswith("    ") else " ".join(paragraph.split())


def _topics(code: str) -> list[str]:
    """Return the topics of a rule, derived from the words of its code."""
    return sorted({_TOPICS[word] for word in code.split("-") if word in _TOPICS})


_TOPICS = {
    **dict.fromkeys(("ann", "vector", "ivfflat", "dimension", "dimensions"), "pgvector"),
    **dict.fromkeys(("index", "reindex"), "index"),
    **dict.fromkeys(("blocking", "lock", "locks", "scan", "rewrite", "validated", "validate", "timeout"), "locks"),
    **dict.fromkeys(("downgrade", "lossy", "irreversible"), "downgrade"),
    **dict.fromkeys(("lost", "loss", "rows", "data", "write", "backfill"), "data"),
    **dict.fromkeys(("fails", "fail"), "failure"),
    **dict.fromkeys(("code", "use", "rename", "required", "prepared"), "compatibility"),
    **dict.fromkeys(("suppression",), "suppression"),
}
