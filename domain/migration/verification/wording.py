"""What checks say in common: what is left, where it came from, and the code that mends it."""

from collections.abc import Iterable

from domain.migration.op_code import quoted
from domain.migration.repair.derivation import Repair
from domain.migration.verification.round_trip import RoundTrip


def cause(trip: RoundTrip, name: str) -> str:
    """Return the statement behind a difference, in parentheses; nothing where it is not known."""
    return f" ({trip.causes[name]})" if name in trip.causes else ""


def left(trip: RoundTrip) -> str:
    """Return how the schema differs after the downgrade, in a line."""
    return "; ".join(f"{sentence}{cause(trip, name)}" for name, sentence in trip.schema.by_name())


def whole_downgrade(repair: Repair | None) -> str | None:
    """Write the downgrade that would have given everything back."""
    return None if repair is None else repair.downgrade(whole=True)


def accepting(trip: RoundTrip, undeclared: Iterable[str]) -> str:
    """Write what would let a lossy revision pass: the statements that were forgotten, a word on what they cannot give.

    Rows do not come back with their table; what the upgrade made goes with its table.
    """
    repair = trip.repair if trip.statements and trip.repair is not None and trip.repair.steps else None
    parts = []
    if repair is not None:
        parts.append(repair.downgrade(whole=False))
        gone = tuple(f"{name}." for kind, name in trip.schema.unexpected if kind == "table")
        made = {name for _, name in trip.schema.unexpected}
        undeclared = [
            change.subject
            for change in (*trip.data.losses, *trip.data.additions)
            if change.subject in undeclared and change.subject not in made and not change.subject.startswith(gone)
        ]
    names = list(undeclared)
    if names and (repair is None or repair.refusal is None):
        parts.append(acceptance(names))
    return "\n\n".join(parts)


def acceptance(names: Iterable[str]) -> str:
    """Return the line of a revision that accepts losses."""
    reasons = ", ".join(f'{quoted(name)}: "why this is accepted"' for name in names)
    return f"lossy_downgrade = {{{reasons}}}"


def losses_of(trip: RoundTrip) -> dict[str, str]:
    """Return what is lost, by name; of a downgrade that does nothing the rows only, as the rest is said once."""
    return {change.subject: str(change) for change in trip.data.losses} if trip.is_silent else dict(trip.losses)


def went_through(trip: RoundTrip | None) -> RoundTrip | None:
    """Return a round trip whose downgrade ran to its end; None of one that refused, failed, or was not asked for."""
    return trip if trip is not None and trip.failure is None and trip.refusal is None else None
