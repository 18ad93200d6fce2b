"""Rules: what one is, how a module becomes one, and how they judge a trace."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import NamedTuple, TypeAlias

from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

Check: TypeAlias = Callable[[RevisionTrace, Statistics], Iterable[Diagnostic]]

UNUSED_SUPPRESSION = "unused-suppression"
"""Code of the diagnostic about suppressions themselves."""


class Example(NamedTuple):
    """A revision that shows a rule at work.

    Attributes:
        setup: SQL that brings the database to where the revision starts; `;` separates statements.
        upgrade: Body of `upgrade()`.
        downgrade: Body of `downgrade()`.
        declarations: What the revision declares of itself, beside its identifiers.
        phase: The phase that its docstring names; none where it is empty.
    """

    setup: str
    upgrade: str
    downgrade: str
    declarations: str = ""
    phase: str = ""


@dataclass(frozen=True)
class Page:
    """What whoever meets a code can read of it.

    Attributes:
        code: Its name, in output and in suppressions.
        severity: The worst that is said under it.
        documentation: What happens, why, and the safe way.
        bad: A revision that it speaks of; None where no revision alone shows it.
        good: The same, done so that it does not.
    """

    code: str
    severity: Severity
    documentation: str
    bad: Example | None
    good: Example | None

    @property
    def title(self) -> str:
        """What happens, in one sentence."""
        return " ".join(self.documentation.partition("\n\n")[0].split())

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """The rest of the documentation; code is indented by four."""
        return tuple(part.rstrip() for part in self.documentation.split("\n\n")[1:] if part.strip())

    @property
    def examples(self) -> tuple[tuple[str, Example], ...]:
        """Those that there are, each with the words that stand above it."""
        titled = (("Instead of", self.bad), ("write", self.good))
        return tuple((title, example) for title, example in titled if example is not None)


@dataclass(frozen=True)
class Rule(Page):
    """A module of the folder `rules`.

    Attributes:
        check: Judges a trace.
        strategy: How to get the schema there instead, where it stops the revision; None where mending it is enough.
        blocks: Whether it speaks of work that others wait for, which a revision declared as expand may not do.
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
    """Make a rule of a module.

    Raises:
        AttributeError: The module lacks a part of a rule.
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
    """Let rules judge a trace, and apply the suppressions of its revision.

    Returns:
        Diagnostics in the order of statements, those about the whole revision last; a suppressed one holds the reason.
    """
    found = [diagnostic for rule in rules for diagnostic in rule.check(trace, statistics)]
    reasons = {code: reason.strip() for code, reason in trace.safety_assured.items()}
    judged = [
        replace(diagnostic, suppressed_reason=reasons[diagnostic.code]) if reasons.get(diagnostic.code) else diagnostic
        for diagnostic in found
    ]
    judged += _unused(reasons, {diagnostic.code for diagnostic in found})
    return tuple(sorted(judged, key=lambda one: (_position(one), list(Severity).index(one.severity), one.code)))


def _position(diagnostic: Diagnostic) -> float:
    return float("inf") if diagnostic.statement is None else diagnostic.statement


def _unused(reasons: dict[str, str], codes: set[str]) -> Iterator[Diagnostic]:
    for code, reason in sorted(reasons.items()):
        if not reason:
            message = f'safety_assured["{code}"] gives no reason, so nothing is suppressed.'
            advice = "Write why this is safe here: whoever reads the revision next year will want to know."
        elif code not in codes:
            message = f'safety_assured["{code}"] suppresses nothing: no rule says that of this revision.'
            advice = "Remove it, lest it hide something later."
        else:
            continue
        yield Diagnostic(UNUSED_SUPPRESSION, Severity.WARNING, None, None, message, advice)


USERS = """
CREATE TABLE users (id bigint PRIMARY KEY, email text, name text);
INSERT INTO users SELECT n, 'user' || n || '@example.org', 'User ' || n FROM generate_series(1, 2000) AS n;
"""
"""The table of most examples."""

ORDERS = f"""{USERS}
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total int);
INSERT INTO orders SELECT n, n, n FROM generate_series(1, 2000) AS n;
CREATE INDEX ix_orders_user_id ON orders (user_id);
"""  # noqa: S608 - constants only
"""A second table beside the first."""
