"""Which invalid indexes earlier attempts of a deployment have left."""

from datetime import UTC, datetime

from domain.migration.deployment.journal import Event, JournalEntry
from domain.migration.deployment.leftovers import Leftover, leftovers
from tests.unit.domain.migration.deployment.plans import planned

STEP = planned("r2", builds={"public.names": "public.users", 'public."Odd"': "public.users"})


def entry(event: Event, revision: str = "r2", sha256: str = "sha of r2") -> JournalEntry:
    """Return an entry of the journal."""
    return JournalEntry("d1", "plan", revision, sha256, 1, event, datetime.now(UTC))


def found(*entries: JournalEntry, invalid: tuple[str, ...] = ("public.names",)) -> list[str]:
    """Return the names of what earlier attempts have left."""
    return [leftover.index for leftover in leftovers((STEP,), invalid, entries)]


def test_an_attempt_that_was_begun_and_not_committed_leaves_its_index() -> None:
    """The index is known by its name, its table and its revision, whatever ended the attempt."""
    for event in (Event.STARTED, Event.GAVE_WAY, Event.FAILED, Event.INTERRUPTED, Event.UNKNOWN):
        assert leftovers((STEP,), ("public.names",), [entry(event)]) == (
            Leftover("public.names", "public.users", "r2"),
        )


def test_nothing_is_left_by_what_was_never_begun_or_was_committed() -> None:
    """Without a record, or after a commit, an invalid index is somebody else's."""
    assert found() == []
    assert found(entry(Event.STARTED), entry(Event.COMMITTED)) == []
    assert found(entry(Event.STARTED, revision="r3")) == []
    assert found(entry(Event.STARTED, sha256="of another file")) == []


def test_other_indexes_are_left_alone() -> None:
    """Only a name that the step builds counts, or the one that REINDEX CONCURRENTLY gives it meanwhile."""
    begun = entry(Event.STARTED)
    assert found(begun, invalid=("public.others", "public.names_ccnew", "public.names_ccnew1", "public.names_cc")) == [
        "public.names_ccnew",
        "public.names_ccnew1",
    ]
    assert found(begun, invalid=('public."Odd_ccold"',)) == ['public."Odd_ccold"']
