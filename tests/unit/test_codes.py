"""The codes of diagnostics stand in the modules of rules and checks, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

from domain.migration.analysis.rule import UNUSED_SUPPRESSION
from domain.migration.analysis.rules import all_rules
from domain.migration.analysis.shared_transaction import CODE, FAILS
from domain.migration.verification.checks import all_checks
from tests.support import PROJECT_ROOT

CODES = {page.code for page in (*all_rules(), *all_checks())} | {UNUSED_SUPPRESSION, CODE, FAILS}


def _sources() -> Iterator[Path]:
    for layer in ("domain", "application", "adapter"):
        yield from (PROJECT_ROOT / layer).rglob("*.py")


def test_no_code_is_written_twice() -> None:
    """A code as a text stands once, where `CODE` is given; others name that constant."""
    written = [
        f"{path.relative_to(PROJECT_ROOT)}:{node.lineno} {node.value}"
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in CODES
    ]

    assert sorted({place.rpartition(" ")[2] for place in written}) == sorted(CODES)
    assert len(written) == len(CODES), "\n".join(sorted(written, key=lambda place: place.rpartition(" ")[2]))


def test_every_diagnostic_takes_its_code_from_a_constant() -> None:
    """A code that has no module of its own has no documentation either, and cannot be looked up."""
    literal = [
        f"{path.relative_to(PROJECT_ROOT)}:{node.lineno}"
        for path in _sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Diagnostic"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]

    assert literal == []


def test_codes_of_checks_and_rules_meet_only_where_they_mean_the_same() -> None:
    """What `analyze` and `verify` both say under one code is one fact, with the documentation of the rule."""
    shared = {rule.code for rule in all_rules()} & {check.code for check in all_checks()}

    assert shared == {"upgrade-fails", "downgrade-fails", "breaks-old-code"}
