"""What an upgrade has done, and what it is doing."""

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from alembic.runtime.migration import MigrationContext, MigrationInfo
from sqlalchemy import Connection

logger = logging.getLogger("alembic.runtime.migration")


class Progress:
    """Follows the steps of a command through all of its tries, and logs how long each revision took.

    `migrate analyze --observed` holds the log against what was predicted.

    Attributes:
        step: The step that runs; None before the first, and after the last.
        commits_itself: Whether a statement of it was executed outside a transaction.
    """

    def __init__(self) -> None:
        self.step: Any = None
        self.commits_itself = False
        self._steps: list[Any] | None = None
        self._begin = time.monotonic()

    def follow(self, migration: MigrationContext) -> None:
        """Let a context take its steps from here.

        Another try goes on with what is left. Were it planned anew, `+2` would count from where the first one came.
        """
        plan = migration._migrations_fn  # noqa: SLF001 - nothing else says which step begins

        def steps(heads: Any, context: MigrationContext) -> Iterator[Any]:
            if self._steps is None:
                planned = plan(heads, context) if plan is not None else []
                if not isinstance(planned, list):  # made one by one, by a caller that looks at what each one did
                    for self.step in planned:
                        self.commits_itself = False
                        yield self.step
                    self.step = None
                    return
                self._steps = list(planned)
            while self._steps:
                self.step, self.commits_itself = self._steps[0], False
                yield self.step
                del self._steps[0]  # it is committed when the next one is asked for
            self.step = None

        migration._migrations_fn = steps  # noqa: SLF001

    @property
    def left(self) -> int:
        """How many steps have not been done."""
        return len(self._steps or ())

    def note_statement(self, connection: Connection) -> None:
        """Note how a statement is about to be executed."""
        if self.step is not None and connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            self.commits_itself = True

    def __call__(
        self,
        ctx: MigrationContext,  # noqa: ARG002 - Alembic names what it gives
        step: MigrationInfo,
        heads: Collection[Any],  # noqa: ARG002
        run_args: Mapping[str, Any],  # noqa: ARG002
    ) -> None:
        """Log a revision that has been applied."""
        now = time.monotonic()
        if step.is_upgrade and not step.is_stamp:
            logger.info("Applied %s in %.3f s", step.up_revision_id, now - self._begin)
        self._begin = now
