"""Common wording of the checks: differences, their causes, and the code that corrects them."""

from collections.abc import Iterable

from domain.migration.op_code import quoted
from domain.migration.repair.derivation import Repair
from domain.migration.verification.round_trip import RoundTrip


def cause(trip: RoundTrip, name: str) -> str:
    """Return the statement behind a difference, in parentheses; empty if it is not known."""
    return f" ({trip.causes[name]})" if name in trip.causes else ""


def left(trip: RoundTrip) -> str:
    """Return the differences of the schema after the downgrade, in one line."""
    return "; ".join(f"{sentence}{cause(trip, name)}" for name, sentence in trip.schema.by_name())


def whole_downgrade(repair: Repair | None) -> str | None:
    """Return the whole downgrade that restores the schema; None if there is nothing to restore."""
    return None if repair is None else repair.downgrade(whole=True)


def accepting(trip: RoundTrip, undeclared: Iterable[str]) -> str:
    """Return the code with which a lossy revision passes: the missing statements, and a declaration of the rest.

    Recreating a table does not bring back its rows, so these must be declared. Dropping a table that the upgrade has
    created needs no declaration for its columns.

    Args:
        trip: The round trip.
        undeclared: Names of the losses that the revision does not declare.
    """
    repair = trip.repair if trip.statements and trip.repair is not None and trip.repair.steps else None
    parts = []
    if repair is not None:
        parts.append(repair.downgrade(whole=False))
        dropped_prefixes = tuple(f"{name}." for kind, name in trip.schema.unexpected if kind == "table")
        created_names = {name for _, name in trip.schema.unexpected}
        undeclared = [
            change.subject
            for change in (*trip.data.losses, *trip.data.additions)
            if change.subject in undeclared
            and change.subject not in created_names
            and not change.subject.startswith(dropped_prefixes)
        ]
    names = list(undeclared)
    if names and (repair is None or repair.refusal is None):
        parts.append(acceptance(names))
    return "\n\n".join(parts)


def acceptance(names: Iterable[str]) -> str:
    """Return the line of a revision that declares accepted losses."""
    reasons = ", ".join(f'{quoted(name)}: "why this is accepted"' for name in names)
    return f"lossy_downgrade = {{{reasons}}}"


def losses_of(trip: RoundTrip) -> dict[str, str]:
    """Return the losses by name. If the downgrade does nothing, only rows count: another check reports the schema."""
    return {change.subject: str(change) for change in trip.data.losses} if trip.is_silent else dict(trip.losses)


def went_through(trip: RoundTrip | None) -> RoundTrip | None:
    """Return the round trip if its downgrade succeeded; None if it refused, failed, or was not requested."""
    return trip if trip is not None and trip.failure is None and trip.refusal is None else None
