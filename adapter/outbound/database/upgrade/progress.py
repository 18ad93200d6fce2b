"""The progress of an upgrade: its finished, current and remaining steps."""

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection

logger = logging.getLogger("alembic.runtime.migration")


class Progress:
    """Follows the steps of a command through all of its tries, and logs the duration of each revision.

    `migrate analyze --observed` compares the log with the prediction.

    Attributes:
        step: The running step of Alembic; None before the first and after the last.
        commits_itself: Whether the step has executed a statement outside a transaction.
    """

    def __init__(self) -> None:
        self.step: Any = None
        self.commits_itself = False
        self._steps: list[Any] | None = None
        self._begin = time.monotonic()

    def follow(self, migration: MigrationContext) -> None:
        """Replace the plan of a context by one that continues with the remaining steps on another try.

        If each try planned anew, `+2` would count from the revision that the first try had reached.
        """
        plan = migration._migrations_fn  # noqa: SLF001 - Alembic has no other hook for the begin of a step

        def steps(heads: Any, context: MigrationContext) -> Iterator[Any]:
            if self._steps is None:
                planned_steps = plan(heads, context) if plan is not None else []
                if not isinstance(planned_steps, list):  # a lazy plan, whose caller inspects each step
                    for self.step in planned_steps:
                        self.commits_itself = False
                        yield self.step
                    self.step = None
                    return
                self._steps = list(planned_steps)
            while self._steps:
                self.step, self.commits_itself = self._steps[0], False
                yield self.step
                del self._steps[0]  # Alembic asks for the next step after it has committed this one
            self.step = None

        migration._migrations_fn = steps  # noqa: SLF001

    @property
    def left(self) -> int:
        """The number of steps that are not done yet."""
        return len(self._steps or ())

    def note_statement(self, connection: Connection) -> None:
        """Record whether the next statement runs outside a transaction."""
        if self.step is not None and connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            self.commits_itself = True

    def __call__(
        self,
        ctx: MigrationContext,  # noqa: ARG002 - Alembic passes keyword arguments
        step: MigrationInfo,
        heads: Collection[Any],  # noqa: ARG002
        run_args: Mapping[str, Any],  # noqa: ARG002
    ) -> None:
        """Log the duration of a revision that has been applied."""
        now = time.monotonic()
        if step.is_upgrade and not step.is_stamp:
            logger.info("Applied %s in %.3f s", step.up_revision_id, now - self._begin)
        self._begin = now
