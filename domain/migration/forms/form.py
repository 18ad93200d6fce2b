"""What a zero-downtime form consists of: up to three steps, each of them a revision that old and new code bear.

An upgrade is recorded only after its last statement, but an autocommit block commits earlier. If the upgrade is killed
in between, its next run meets its own work. So each operation that commits on its own is re-runnable.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

from domain.migration.op_code import lines, revised


@dataclass(frozen=True)
class Step:
    """A part of a change that one revision can do; false if there is nothing to do.

    Attributes:
        upgrade: Operations, in order; an operation can have several lines.
        downgrade: Operations that undo them, in order.
        declarations: Python lines with the revision's other names, such as `lossy_downgrade = …`.
    """

    upgrade: tuple[str, ...] = ()
    downgrade: tuple[str, ...] = ()
    declarations: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is something to do."""
        return bool(self.upgrade)

    def __add__(self, later: "Step") -> "Step":
        """Return both steps in one revision, which undoes the later one first."""
        return Step(
            self.upgrade + later.upgrade, later.downgrade + self.downgrade, self.declarations + later.declarations
        )

    @property
    def code(self) -> str:
        """The body of `upgrade()`."""
        return lines(*self.upgrade)

    @property
    def fix(self) -> str:
        """The text of a suggested fix: the body of `upgrade()`, and the `downgrade` function if there is one."""
        return revised(self.code, *self.downgrade) if self.downgrade else self.code

    def undone(self) -> "Step":
        """Return the step that does what this one undoes."""
        return Step(self.downgrade, self.upgrade)


def together(steps: Iterable[Step]) -> Step:
    """Return several steps in one revision."""
    return reduce(add, steps, Step())


class Form(ABC):
    """A change of the schema that readers and writers do not notice.

    The steps are revisions of their own: expand adds what new code needs and old code ignores, migrate fills the rows
    that exist, and contract removes what only old code needed.
    """

    @property
    @abstractmethod
    def expand(self) -> Step:
        """What runs before the new code is deployed."""

    @property
    def migrate(self) -> Step:
        """What writes the rows that exist, in batches that commit."""
        return Step()

    @property
    def contract(self) -> Step:
        """What runs when no deployed code needs the old schema any more."""
        return Step()

    @property
    def at_once(self) -> Step:
        """All steps in one revision, for a change that need not wait for code or rows."""
        return self.expand + self.migrate + self.contract

    @property
    def announced(self) -> Step:
        """The first step, with comments on what the later revisions do."""
        return self.expand + Step(self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Comments on what the later revisions do."""
        return ()
