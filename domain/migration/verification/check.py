"""Checks: what one is, and how a module becomes one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from domain.migration.analysis.rule import Page, documentation_of
from domain.migration.diagnostic import Diagnostic
from domain.migration.verification.round_trip import Declaration

if TYPE_CHECKING:
    from domain.migration.verification.proof import RevisionProof

Judgement: TypeAlias = "Callable[[RevisionProof, Declaration], Iterable[Diagnostic]]"


@dataclass(frozen=True)
class Check(Page):
    """A module of the folder `checks`.

    Attributes:
        judge: Holds what was proved of a revision against what it declares; None where the check is about the history
            as a whole.
    """

    judge: "Judgement | None"


def load(module: ModuleType) -> Check:
    """Make a check of a module.

    Raises:
        AttributeError: The module lacks its code or its severity.
        ValueError: It has no docstring.
    """
    bad, good, judge = (getattr(module, name, None) for name in ("BAD", "GOOD", "check"))
    return Check(module.CODE, module.SEVERITY, documentation_of(module, "check"), bad, good, judge)
