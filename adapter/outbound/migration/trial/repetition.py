"""The proof that an upgrade can be run twice, and again after it was killed at any statement."""

from collections.abc import Iterator
from typing import Any

from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.environment_errors import described
from adapter.outbound.migration.trial.database import Database
from adapter.outbound.migration.trial.expected_end import ExpectedEnd
from domain.migration.one_line import in_one_line
from domain.migration.trace import RevisionTrace
from domain.migration.verification.proof import Repetition

_MOST_KILLS = 40  # of one revision: more statements are a loop, where the first, the last and some between suffice
_SHOWN_CHARACTERS = 70  # of a statement in a sentence


def repeat(trace: RevisionTrace, before: Database, after: Database, end: ExpectedEnd) -> Repetition:
    """Upgrade twice in a row; also kill the upgrade at each statement, run it again, and compare the states.

    Args:
        trace: The trace of the revision.
        before: The database before it.
        after: The upgraded database.
        end: The state of the upgraded database.
    """
    with after.copy() as copy:
        result = copy.run(Command.UPGRADE, trace.revision)
        differences = [described(result.error)] if result.error else list(end.sentences(copy))
    statements = [statement.sql for statement in trace.upgrade for _ in range(statement.count)]
    outside_transaction = [statement for statement in trace.upgrade if statement.cannot_run_in_transaction]
    kills: list[tuple[str, dict[str, int]]] = []
    for number in _spread(len(statements)):
        shown = in_one_line(statements[number - 1], _SHOWN_CHARACTERS)
        kills.append((f"after statement {number} ({shown})", {"kill_after": number}))
    for number, statement in enumerate(outside_transaction, 1):
        shown = in_one_line(statement.sql, _SHOWN_CHARACTERS)
        kills.append((f"in the middle of {shown}", {"kill_during": number}))
    failures = tuple(failure for when, kill in kills for failure in _killed(trace.revision, before, end, when, **kill))
    return Repetition(tuple(differences), len(kills), failures)


def _killed(revision: str, before: Database, end: ExpectedEnd, when: str, **kill: Any) -> Iterator[str]:
    """Kill an upgrade and run it again.

    Args:
        revision: The revision.
        before: The database before it.
        end: The state after an upgrade without a kill.
        when: The moment of the kill, in words.
        kill: The moment of the kill, as an option of the job: `kill_after` or `kill_during`.

    Yields:
        A sentence when the second run fails, or when it ends in another state than an upgrade without a kill.
    """
    with before.copy() as copy:
        copy.run(Command.UPGRADE, revision, trace=True, **kill)
        result = copy.run(Command.UPGRADE, revision)
        if result.error is not None:
            yield f"Killed {when}, the upgrade cannot be run again: {described(result.error)}"
        else:
            sentences = "; ".join(end.sentences(copy))
            if sentences:
                yield f"Killed {when} and run again, the upgrade ends elsewhere: {sentences}"


def _spread(count: int) -> list[int]:
    """Return the numbers of the statements, from 1, after which to kill: all, or `_MOST_KILLS` evenly spread."""
    if count <= _MOST_KILLS:
        return list(range(1, count + 1))
    return sorted({1 + round(step * (count - 1) / (_MOST_KILLS - 1)) for step in range(_MOST_KILLS)})
