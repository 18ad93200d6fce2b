"""What a person and a program get of an analysis: lines of the terminal's width, code to copy, rules that explain."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from adapter.outbound.migration.report import analysis_markdown, analysis_sarif, analysis_text
from adapter.outbound.migration.report.terminal import unpadded
from application.migration.analyze import AnalysisReport
from domain.migration.analysis.revision_analysis import analyze
from domain.migration.analysis.rules import all_rules
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from tests.support import PROJECT_ROOT
from tests.unit.domain.migration.traces import USERS, revision, step

_FIX = f"def upgrade() -> None:\n    op.execute('{'x' * 150}')\n"


def report(severity: Severity = Severity.ERROR, **changes: Any) -> AnalysisReport:
    """Return the analysis of a revision of which one rule says something, with the code that mends it."""
    found = Diagnostic(
        "unbatched-write", severity, 0, None, "Statement 1 writes. " * 20, "Write in batches. " * 9, _FIX
    )
    analysis = analyze(revision(step("UPDATE users SET name = ''", 1)), Statistics.unknown())
    return AnalysisReport("18.6", None, (replace(analysis, diagnostics=(replace(found, **changes),)),))


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("color", [False, True])
def test_lines_are_as_wide_as_the_terminal(width: int, color: bool) -> None:
    """Sentences fill the width and no more, nothing is padded, and code stays in one piece."""
    said = re.sub(r"\x1b\[[0-9;]*m", "", analysis_text.render(report(), color=color, width=width))
    lines = [line for line in said.splitlines() if "xxxxx" not in line]

    assert width - 12 < max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in said.splitlines())
    assert f"          op.execute('{'x' * 150}')" in said.splitlines()


def test_code_that_mends_an_error_is_shown() -> None:
    """The code that mends an error is shown at once; that of a warning, which may stay, with -v."""
    assert "op.execute" in analysis_text.render(report())
    assert "op.execute" not in analysis_text.render(report(Severity.WARNING))
    assert "op.execute" in analysis_text.render(report(Severity.WARNING), verbose=True)
    assert "op.execute" not in analysis_text.render(report(suppressed_reason="empty until May"))


def test_a_long_message_is_cut_unless_all_is_wanted() -> None:
    """One message does not fill the screen."""
    long = report(message="y" * 1900)
    assert "… (-v shows all)" in " ".join(analysis_text.render(long).split())
    assert analysis_text.render(long, verbose=True).count("y") >= 1900


@pytest.mark.parametrize("width", [60, 100, 120, 200])
def test_a_column_of_passwords_hides_nothing_else(width: int) -> None:
    """A statement about a column called password is shown whole, with what stands beside it; a secret is not."""
    statements = (
        step("CREATE ROLE reader PASSWORD NULL"),
        step("ALTER TABLE t ALTER COLUMN password TYPE text USING password || 'x'", rewritten=(USERS,)),
        step("COMMENT ON COLUMN t.password IS 'hashed, never plain'", duration_ms=123.4),
        step("ALTER ROLE reader PASSWORD 'xyzzy'", duration_ms=567.8),
    )
    analysis = analyze(revision(*statements), Statistics.unknown())
    analyzed = AnalysisReport("18.6", None, (analysis,))
    for text in (analysis_text.render(analyzed, verbose=True, width=width), analysis_markdown.render(analyzed)):
        assert "xyzzy" not in text
        assert text.count("'***'") == text.count("***") <= 1
    said = analysis_text.render(analyzed, verbose=True, width=width)
    words = "".join(said.split())
    assert all(word in words for word in ("rewrites", "123.4", "567.8", "'hashed,", "PASSWORDNULL"))


def test_an_empty_history_is_not_an_empty_range() -> None:
    """Who named the wrong folder sees that Alembic finds nothing there."""
    nothing = AnalysisReport("18.6", None, ())

    assert "no revision in this range" in analysis_text.render(nothing, color=False, width=200)
    assert "no revision in this history" in analysis_text.render(
        replace(nothing, is_history_empty=True), color=False, width=200
    )


def test_unpadded() -> None:
    """Blanks before the code that ends a color are padding, too."""
    assert unpadded("a  \n\x1b[1mb  \x1b[0m\n  c\n") == "a\n\x1b[1mb\x1b[0m\n  c"


def test_rules_explain_themselves() -> None:
    """In SARIF each code that can come out has its descriptions, help in text and Markdown, a level, and tags."""
    run = json.loads(analysis_sarif.render(report(), PROJECT_ROOT / "alembic.ini"))["runs"][0]
    rules = run["tool"]["driver"]["rules"]

    besides = ["not-judged", "locks-of-earlier-revisions", "fails-in-one-transaction", "unused-suppression"]
    assert [rule["id"] for rule in rules] == [*(rule.code for rule in all_rules()), *besides]
    for rule in rules:
        assert re.fullmatch(r"[A-Z`].*\.", rule["shortDescription"]["text"])
        assert len(rule["fullDescription"]["text"]) > 60
        assert rule["help"]["text"].startswith(rule["shortDescription"]["text"])
        assert "```" not in rule["help"]["text"]
        assert rule["id"] == "not-judged" or f'safety_assured = {{"{rule["id"]}": ' in rule["help"]["markdown"]
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
        assert {"postgres", "migration"} < set(rule["properties"]["tags"])
    (result,) = run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "unbatched-write"
    (explained,) = (rule for rule in rules if rule["id"] == "blocking-index-build")
    assert "```python" in explained["help"]["markdown"]
    assert "CONCURRENTLY" in explained["help"]["text"] or "concurrently" in explained["help"]["text"]
