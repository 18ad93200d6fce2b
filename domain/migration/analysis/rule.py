"""The rules of `migrate analyze`: what a rule consists of, how a module is loaded as a rule, and how rules judge."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import NamedTuple, TypeAlias

from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import DOWNGRADE
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, RowCounts

Check: TypeAlias = Callable[[RevisionTrace, Statistics], Iterable[Diagnostic]]

UNUSED_SUPPRESSION = "unused-suppression"
"""Code of the diagnostic about suppressions themselves."""


class Example(NamedTuple):
    """A revision that shows a rule at work.

    Attributes:
        setup: SQL that prepares the database before the revision runs; `;` separates statements.
        upgrade: Body of `upgrade()`.
        downgrade: Body of `downgrade()`.
        declarations: Python lines of the revision's other names, such as `lossy_downgrade = …`.
        phase: Phase that the revision's docstring names; empty for none.
    """

    setup: str
    upgrade: str
    downgrade: str
    declarations: str = ""
    phase: str = ""


@dataclass(frozen=True)
class Page:
    """The documentation page of one diagnostic code.

    Attributes:
        code: Name of the code, in output and in suppressions.
        severity: Worst severity of its diagnostics.
        documentation: What happens, why it matters, and the safe way.
        bad: Example of a revision that is reported; None where one revision cannot show it.
        good: Example with the same purpose that is not reported; None likewise.
    """

    code: str
    severity: Severity
    documentation: str
    bad: Example | None
    good: Example | None

    @property
    def title(self) -> str:
        """The first paragraph of the documentation: what happens, in one sentence."""
        return " ".join(self.documentation.partition("\n\n")[0].split())

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The other paragraphs of the documentation; code is indented by four spaces."""
        return tuple(paragraph.rstrip() for paragraph in self.documentation.split("\n\n")[1:] if paragraph.strip())

    @property
    def examples(self) -> tuple[tuple[str, Example], ...]:
        """The examples that exist, each with its heading."""
        titled = (("Instead of", self.bad), ("write", self.good))
        return tuple((title, example) for title, example in titled if example is not None)


@dataclass(frozen=True)
class Rule(Page):
    """A rule: a module of the folder `rules`.

    Attributes:
        check: Function that judges a trace.
        strategy: Migration strategy to use when the rule reports an error; None where a correction is enough.
        blocks: Whether the rule reports work that others wait for, which a revision declared as expand may not do.
    """

    bad: Example
    good: Example
    check: Check
    strategy: MigrationStrategy | None = None
    blocks: bool = False


def documentation_of(module: ModuleType, kind: str) -> str:
    """Return the docstring of a module that is a rule or a check.

    Raises:
        ValueError: It has none.
    """
    if not module.__doc__:
        raise ValueError(f"{kind} {module.__name__} has no docstring, so no documentation")
    return module.__doc__.strip()


def load(module: ModuleType) -> Rule:
    """Return the rule that a module defines.

    Raises:
        AttributeError: The module lacks a required name of a rule.
        ValueError: It has no docstring.
    """
    return Rule(
        module.CODE,
        module.SEVERITY,
        documentation_of(module, "rule"),
        module.BAD,
        module.GOOD,
        module.check,
        getattr(module, "STRATEGY", None),
        getattr(module, "BLOCKS", False),
    )


def judge(trace: RevisionTrace, statistics: Statistics, rules: Iterable[Rule]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics of all rules for a trace, with the suppressions of its revision applied.

    Returns:
        Diagnostics in the order of the statements, those about the whole revision last. A suppressed diagnostic has
        the reason of its suppression. What holds for many statements with one text, as in a loop over rows, is said of
        the first of them.
    """
    diagnostics = _once_a_text(trace, [diagnostic for rule in rules for diagnostic in rule.check(trace, statistics)])
    reasons = {code: reason.strip() for code, reason in trace.safety_assured.items()}
    judged = [
        replace(diagnostic, suppressed_reason=reasons[diagnostic.code]) if reasons.get(diagnostic.code) else diagnostic
        for diagnostic in diagnostics
    ]
    judged = [_with_place(trace, diagnostic) for diagnostic in judged]
    judged += _unused(reasons, {diagnostic.code for diagnostic in diagnostics})
    severities = list(Severity)
    return tuple(
        sorted(
            judged,
            key=lambda diagnostic: (_position(diagnostic), severities.index(diagnostic.severity), diagnostic.code),
        )
    )


def _once_a_text(trace: RevisionTrace, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    groups: dict[tuple[object, ...], list[Diagnostic]] = {}
    for diagnostic in diagnostics:
        index = diagnostic.statement
        text = None if index is None else trace.upgrade[index].sql
        key = (
            diagnostic.code,
            diagnostic.severity,
            diagnostic.relation,
            text,
            diagnostic.message if text is None else "",
        )
        groups.setdefault(key, []).append(diagnostic)
    return [diagnostic for group in groups.values() for diagnostic in _said_of_the_first(group)]


def _said_of_the_first(group: list[Diagnostic]) -> Iterator[Diagnostic]:
    first = group[0]
    later = {diagnostic.statement for diagnostic in group} - {first.statement}
    for diagnostic in group:
        if diagnostic.statement != first.statement:
            continue
        if later:
            statements = "a later statement" if len(later) == 1 else f"{len(later):,} later statements"
            yield replace(diagnostic, message=f"{diagnostic.message} The same holds for {statements} with this text.")
        else:
            yield diagnostic


def _with_place(trace: RevisionTrace, diagnostic: Diagnostic) -> Diagnostic:
    """Return a diagnostic that says when its code needs a revision of its own.

    An autocommit block of the code commits what the revision did before. When it is killed there, its second run meets
    its own work.
    """
    before = trace.upgrade[: diagnostic.statement or 0]
    changes = any(
        statement.transaction is not None
        and (statement.created or statement.altered or statement.dropped or any(map(_wrote, statement.rows.values())))
        for statement in before
    )
    if not changes or "autocommit_block" not in (diagnostic.fix or "").partition(DOWNGRADE)[0]:
        return diagnostic
    return replace(diagnostic, help=f"{diagnostic.help} {OWN_REVISION}")


def _wrote(rows: RowCounts) -> bool:
    return rows.total > 0


OWN_REVISION = (
    "The autocommit block commits the statements before it. If these cannot run twice, put this code into a revision "
    "of its own."
)
"""Advice for code with an autocommit block behind other changes."""


def _position(diagnostic: Diagnostic) -> float:
    return float("inf") if diagnostic.statement is None else diagnostic.statement


def _unused(reasons: dict[str, str], codes: set[str]) -> Iterator[Diagnostic]:
    for code, reason in sorted(reasons.items()):
        if not reason:
            message = f'safety_assured["{code}"] gives no reason, so nothing is suppressed.'
            advice = "Write the reason why this is safe, for whoever reads the revision next year."
        elif code not in codes:
            message = f'safety_assured["{code}"] suppresses nothing: no rule reports this code for the revision.'
            advice = "Remove it: it could hide a problem later."
        else:
            continue
        yield Diagnostic(UNUSED_SUPPRESSION, Severity.WARNING, None, None, message, advice)


USERS = """
CREATE TABLE users (id bigint PRIMARY KEY, email text, name text);
INSERT INTO users SELECT n, 'user' || n || '@example.org', 'User ' || n FROM generate_series(1, 2000) AS n;
"""
"""Setup of most examples: one table with 2,000 rows."""

ORDERS = f"""{USERS}
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total int);
INSERT INTO orders SELECT n, n, n FROM generate_series(1, 2000) AS n;
CREATE INDEX ix_orders_user_id ON orders (user_id);
"""  # noqa: S608 - constants only
"""Setup with a second table that refers to the first."""
