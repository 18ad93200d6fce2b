"""The checks of `migrate verify`: what a check consists of, and how a module is loaded as a check."""

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
    """A check: a module of the folder `checks`.

    Attributes:
        judge: Function that compares the proof of a revision with its declarations; None for a check of the whole
            history.
    """

    judge: "Judgement | None"


def load(module: ModuleType) -> Check:
    """Return the check that a module defines.

    Raises:
        AttributeError: The module lacks its code or its severity.
        ValueError: It has no docstring.
    """
    bad, good, judge = (getattr(module, name, None) for name in ("BAD", "GOOD", "check"))
    return Check(module.CODE, module.SEVERITY, documentation_of(module, "check"), bad, good, judge)
