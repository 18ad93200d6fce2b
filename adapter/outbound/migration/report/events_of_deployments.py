"""What a deployment says while it works: lines for a person, or an event a line as JSON."""

import json
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from adapter.outbound.migration.report.durations import duration
from adapter.outbound.migration.report.words_of_plans import lasting
from adapter.outbound.migration.target.scout import LockWait
from adapter.outbound.postgres.holders import join
from adapter.outbound.postgres.redaction import redact
from application.migration.ports.deployment_watcher import DeploymentWatcher
from domain.migration.deployment.backup import Backup
from domain.migration.deployment.deployment import Attempted, Ending
from domain.migration.deployment.leftovers import Leftover
from domain.migration.deployment.plan import Step
from domain.migration.one_line import in_one_line

_INDENT = " " * 6
_LETTERS = 500  # of a message
_TOLD = 0.1  # seconds of waiting that are worth a word


class DeploymentEvents(DeploymentWatcher, Protocol):
    """A watcher that also hears of waits for locks."""

    @abstractmethod
    def waits(self, wait: LockWait) -> None:
        """Hear that a step still waits for its locks."""


class TextEvents(DeploymentEvents):
    """Writes a line for each event."""

    def __init__(self, write: Callable[[str], object]) -> None:
        """Prepare to write.

        Args:
            write: Receives each line, without its end.
        """
        self._write = write

    def backs_up(self, done: int, count: int, name: str) -> None:
        """Write nothing: a table is no news."""

    def backed_up(self, backup: Backup) -> None:
        """Write where the backup is."""
        manifest = backup.manifest
        rows, tables = sum(manifest.tables.values()), len(manifest.tables)
        self._line(f"Backup {backup.path}: {manifest.scope.value}, {rows:,} rows of {tables:,} tables")
        if manifest.verified:
            self._line(f"{_INDENT}{manifest.verified}")

    def dropped(self, leftover: Leftover) -> None:
        """Write which index was dropped."""
        self._line(f"{_INDENT}dropped {leftover.index}, which an earlier attempt has left invalid")

    def step_begins(self, step: Step, number: int, steps: int) -> None:
        """Write which step begins."""
        self._line(f"[{number}/{steps}] {step.revision}  {step.message}")

    def waits(self, wait: LockWait) -> None:
        """Write what a step waits for, who is in the way, and what the next attempt may cost others."""
        if not wait.locks:
            self._line(f"{_INDENT}its statement waits for {duration(wait.seconds)}; in the way: {join(wait.holders)}")
            return
        locks = ", ".join(dict.fromkeys(f"{lock.relation} ({lock.mode.sql})" for lock in wait.locks))
        holders = join(wait.holders) or "their sessions have just ended"
        self._line(
            f"{_INDENT}waiting {duration(wait.seconds)} for {locks}, which keeps nobody waiting; in the way: {holders}"
        )
        self._line(f"{_INDENT}an attempt may now make others wait for {duration(wait.allowed)} at most")

    def attempt_ended(self, step: Step, attempt: Attempted, number: int) -> None:
        """Write how an attempt ended."""
        took, waited = duration(attempt.seconds), ""
        if attempt.waited >= _TOLD:
            waited = f", of which {duration(attempt.waited)} waiting for a moment to take its locks"
        if attempt.ending is Ending.APPLIED:
            self._line(f"{_INDENT}done in {took}{waited} (predicted {lasting(step.seconds)})")
        else:
            what = f"attempt {number} {attempt.ending.value} after {took}{waited}"
            self._line(f"{_INDENT}{what}: {in_one_line(attempt.message, _LETTERS)}")
            for line in attempt.traceback.splitlines():
                self._line(f"{_INDENT}{line}")

    def verifies(self) -> None:
        """Write that the database is compared."""
        self._line("Verifying")

    def _line(self, text: str) -> None:
        self._write(redact(text))


class JSONEvents(DeploymentEvents):
    """Writes each event as JSON in a line."""

    def __init__(self, write: Callable[[str], object]) -> None:
        """Prepare to write.

        Args:
            write: Receives each line, without its end.
        """
        self._write = write

    def backs_up(self, done: int, count: int, name: str) -> None:
        """Write `copying`."""
        self._event("copying", done=done, count=count, next=name)

    def backed_up(self, backup: Backup) -> None:
        """Write `backup`."""
        manifest = backup.manifest
        rows, verified = sum(manifest.tables.values()), manifest.verified or None
        self._event("backup", path=backup.path, scope=manifest.scope.value, rows=rows, verified=verified)

    def dropped(self, leftover: Leftover) -> None:
        """Write `dropped`."""
        self._event("dropped", index=leftover.index, table=leftover.table, revision=leftover.revision)

    def step_begins(self, step: Step, number: int, steps: int) -> None:
        """Write `step`."""
        self._event("step", revision=step.revision, message=step.message, number=number, steps=steps)

    def waits(self, wait: LockWait) -> None:
        """Write `waiting`."""
        self._event(
            "waiting",
            revision=wait.revision,
            locks=[{"relation": lock.relation, "mode": lock.mode.sql} for lock in wait.locks],
            seconds=round(wait.seconds, 3),
            holders=[{"pid": holder.pid, "description": holder.description} for holder in wait.holders],
            allowed_stall=round(wait.allowed, 3),
        )

    def attempt_ended(self, step: Step, attempt: Attempted, number: int) -> None:
        """Write `attempt`."""
        self._event(
            "attempt",
            revision=step.revision,
            attempt=number,
            ending=attempt.ending.value,
            seconds=round(attempt.seconds, 3),
            waited=round(attempt.waited, 3),
            blockers=list(attempt.blockers),
            message=attempt.message,
            hint=attempt.hint,
        )

    def verifies(self) -> None:
        """Write `verifying`."""
        self._event("verifying")

    def _event(self, name: str, **values: Any) -> None:
        self._write(json.dumps(redact({"event": name, **values}), ensure_ascii=False))
