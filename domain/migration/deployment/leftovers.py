"""Invalid indexes that an earlier attempt of a deployment has left: they are dropped, and those of others never are."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.deployment.plan import Step


@dataclass(frozen=True)
class Leftover:
    """An invalid index of an attempt that did not come to its end.

    Attributes:
        index: Its qualified name.
        table: Table on which the step builds it.
        revision: The revision that was tried.
    """

    index: str
    table: str
    revision: str


def leftovers(steps: Iterable[Step], invalid: Collection[str], entries: Sequence[JournalEntry]) -> tuple[Leftover, ...]:
    """Return which invalid indexes earlier attempts of some steps have left.

    An index is such a one if the journal says that its revision was begun, by the same file, and was not committed, and
    if the revision builds an index of that name.

    Args:
        steps: The steps.
        invalid: Qualified names of all invalid indexes.
        entries: The journal of the database, oldest first.
    """
    return tuple(
        Leftover(index, table, step.revision)
        for step in steps
        if _was_begun(step, entries)
        for index in sorted(invalid)
        if (table := _table(step.builds, index)) is not None
    )


def _was_begun(step: Step, entries: Sequence[JournalEntry]) -> bool:
    events = [entry.event for entry in entries if (entry.revision, entry.sha256) == (step.revision, step.sha256)]
    return bool(events) and events[-1] is not Event.COMMITTED


def _table(builds: Mapping[str, str], index: str) -> str | None:
    """Return the table of an index that a step builds; REINDEX CONCURRENTLY builds it under another name first."""
    return builds.get(index, builds.get(_OTHER_NAME.sub(r"\1", index)))


_OTHER_NAME = re.compile(r'_cc(?:new|old)\d*("?)$')
