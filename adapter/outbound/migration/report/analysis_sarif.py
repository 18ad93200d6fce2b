"""The analysis as SARIF 2.1.0, which code scanning reads (OASIS Standard, 27 March 2020)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapter.outbound.migration.report.places import from_repository
from adapter.outbound.migration.report.summary import not_judged_in, verdict_of
from adapter.outbound.postgres.redaction import redact
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from domain.migration.analysis.rule import UNUSED_SUPPRESSION, Rule
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.shared_transaction import CODE as LOCKS_OF_EARLIER
from domain.migration.analysis.shared_transaction import FAILS
from domain.migration.diagnostic import Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render(report: AnalysisReport, project: Path) -> str:
    """Write a log with one run; files as seen from the root of the repository.

    A revision that could not be run has a result of its own, `not-judged`; the run's properties count them.
    """
    results = [
        result
        for analysis in report.revisions
        for result in _results(analysis, from_repository(analysis.trace.path, project))
    ]
    rules = [*map(_rule, all_rules()), *_BESIDES]
    driver = {"name": "migrate analyze", "rules": rules}
    places = {rule["id"]: place for place, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = places[result["ruleId"]]
    return json.dumps(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {"driver": driver},
                    "results": redact(results),
                    "properties": {"summary": verdict_of(report), "notJudged": not_judged_in(report)},
                }
            ],
        },
        indent=2,
        ensure_ascii=False,
    )


def _results(analysis: RevisionAnalysis, path: str) -> Iterator[dict[str, Any]]:
    if analysis.trace.not_run:
        yield _result("not-judged", "warning", f"Not judged: {analysis.trace.not_run}", path, 1)
    for diagnostic in analysis.diagnostics:
        text, line = f"{diagnostic.message} {diagnostic.help}", analysis.line_of(diagnostic)
        result = _result(diagnostic.code, _LEVELS[diagnostic.severity], text, path, line)
        if diagnostic.suppressed_reason is not None:
            result["suppressions"] = [{"kind": "inSource", "justification": diagnostic.suppressed_reason}]
        yield result


def _result(rule: str, level: str, text: str, path: str, line: int) -> dict[str, Any]:
    location = {"physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": {"startLine": line}}}
    return {"ruleId": rule, "level": level, "message": {"text": text}, "locations": [location]}


def _rule(rule: Rule) -> dict[str, Any]:
    """Describe a rule for whoever meets its code: what happens, the safe way, a bad and a good revision."""
    first, _, rest = rule.documentation.partition("\n\n")
    examples = [
        (title, f'"""upgrade"""\n{one.upgrade.strip()}\n"""downgrade"""\n{one.downgrade.strip()}')
        for title, one in (("Instead of", rule.bad), ("write", rule.good))
    ]
    code = "".join(f"\n\n{title}\n\n```python\n{text}\n```" for title, text in examples)
    return _described(rule.code, rule.severity, first, rest or first, code)


def _described(code: str, severity: Severity, short: str, full: str, examples: str = "") -> dict[str, Any]:
    short, full = _flowing(short), "\n\n".join(map(_flowing, full.split("\n\n")))
    accept = f'To accept it, write in the revision: safety_assured = {{"{code}": "why it is safe here"}}.'
    text = f"{short}\n\n{full}" if full != short else short
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in code.split("-")),
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {
            "text": f"{text}{examples.replace('```python', '').replace('```', '')}\n\n{accept}",
            "markdown": f"{text}{examples}\n\n{accept}",
        },
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"tags": ["postgres", "alembic", "migration", *_topics(code)], "precision": "very-high"},
    }


def _flowing(paragraph: str) -> str:
    """Return a paragraph in one line; code keeps its lines."""
    return paragraph if paragraph.startswith("    ") else " ".join(paragraph.split())


def _topics(code: str) -> list[str]:
    """Return what a rule is about, by the words of its code."""
    return sorted({_TOPICS[word] for word in code.split("-") if word in _TOPICS})


_TOPICS = {
    **dict.fromkeys(("ann", "vector", "ivfflat", "dimension", "dimensions"), "pgvector"),
    **dict.fromkeys(("index", "reindex"), "index"),
    **dict.fromkeys(("blocking", "lock", "locks", "scan", "rewrite", "validated", "validate", "timeout"), "locks"),
    **dict.fromkeys(("downgrade", "lossy"), "downgrade"),
    **dict.fromkeys(("lost", "rows", "data", "write", "backfill"), "data"),
    **dict.fromkeys(("fails", "fail"), "failure"),
    **dict.fromkeys(("code", "use", "rename", "required"), "compatibility"),
    **dict.fromkeys(("suppression",), "suppression"),
}
# What is said by no single rule.
_BESIDES = [
    _described(
        "not-judged",
        Severity.WARNING,
        "A revision could not be run, so that nothing is known of it.",
        "A revision before it fails, or env.py does. The safe way is to mend that one first, and to analyze again.",
    ),
    _described(
        LOCKS_OF_EARLIER,
        Severity.ERROR,
        "A revision works, or takes a lock, under the locks of revisions before it.",
        "env.py runs all pending revisions in one transaction, so that the locks of each are held until the last one "
        "is done: what is short by itself then makes others wait for as long as all of them take. The safe way is "
        "transaction_per_migration=True in context.configure(), in env.py.",
    ),
    _described(
        FAILS,
        Severity.ERROR,
        "A revision that runs alone fails in one transaction with those before it.",
        "env.py runs all pending revisions in one transaction, and Postgres refuses there what it takes after a "
        "COMMIT, such as the use of a new label of an enum. The safe way is transaction_per_migration=True in "
        "context.configure(), in env.py.",
    ),
    _described(
        UNUSED_SUPPRESSION,
        Severity.WARNING,
        "A suppression in a revision suppresses nothing, or gives no reason.",
        "safety_assured names a code that no rule says of this revision, or gives no reason for it. The safe way is to "
        "remove it, or to write the reason: what is not needed today may hide something tomorrow.",
    ),
]
