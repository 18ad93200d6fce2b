"""The locks that a statement of a step is about to take, as far as others would wait for them."""

from collections.abc import Iterable

from domain.migration.deployment.plan import PlannedLock, Step


def wanted_locks(step: Step, sql: str) -> tuple[PlannedLock, ...]:
    """Return the blocking locks that are taken from a statement on, up to the end of its transaction.

    They are empty if the statement itself takes none. A statement that did not run in the sandbox may take any lock of
    the step.

    Args:
        step: The step.
        sql: The statement, as the sandbox had it.
    """
    numbers = [number for number, statement in enumerate(step.statements, 1) if statement == sql]
    if not numbers:
        return step.blocking_locks
    return tuple(_unique(lock for number in numbers for lock in _from(step, number)))


def _from(step: Step, number: int) -> Iterable[PlannedLock]:
    if not any(lock.from_statement == number for lock in step.blocking_locks):
        return ()
    last = next((part.last for part in step.parts if part.first <= number <= part.last), number)
    return (lock for lock in step.blocking_locks if number <= lock.from_statement <= last)


def _unique(locks: Iterable[PlannedLock]) -> Iterable[PlannedLock]:
    return {(lock.relation, lock.mode): lock for lock in locks}.values()
