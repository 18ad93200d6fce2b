"""Common wording of the checks: differences, their causes, and the code that corrects them."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from domain.migration.repair.derivation import Repair
from domain.migration.verification.declarations import ONE_WAY, declaration
from domain.migration.verification.round_trip import RoundTrip

_NONE: Mapping[str, str] = MappingProxyType({})


def cause(trip: RoundTrip, name: str) -> str:
    """Return the statement behind a difference, in parentheses; empty if it is not known."""
    return f" ({trip.causes[name]})" if name in trip.causes else ""


def schema_differences(trip: RoundTrip) -> str:
    """Return the differences of the schema after the downgrade, in one line."""
    return "; ".join(f"{sentence}{cause(trip, name)}" for name, sentence in trip.schema.by_name())


def whole_downgrade(repair: Repair | None) -> str | None:
    """Return the whole downgrade that restores the schema; None if there is nothing to restore."""
    return None if repair is None else repair.downgrade(whole=True)


def proposal(trip: RoundTrip, declared: Mapping[str, str]) -> str:
    """Return the code with which a revision passes, with one declaration of all that it loses, seen or not.

    Args:
        trip: The round trip.
        declared: What the revision declares already, with the reasons.
    """
    losses = [name for name in losses_of(trip) if name not in declared]
    unseen = sorted(trip.unseen.keys() - losses_of(trip).keys() - declared.keys())
    return accepting(trip, [*losses, *unseen], declared) if losses else acceptance(trip, unseen, declared)


def accepting(trip: RoundTrip, undeclared: Iterable[str], declared: Mapping[str, str] = _NONE) -> str:
    """Return the code with which a lossy revision passes: the missing statements, and a declaration of the rest.

    Recreating a table does not bring back its rows, so these must be declared. Dropping a table that the upgrade has
    created needs no declaration for its columns.

    Args:
        trip: The round trip.
        undeclared: Names of the losses that the revision does not declare.
        declared: What it declares already, with the reasons.
    """
    repair = trip.repair if trip.statements and trip.repair is not None and trip.repair.steps else None
    parts = []
    if repair is not None:
        parts.append(repair.downgrade(whole=False))
        dropped_prefixes = tuple(f"{name}." for kind, name in trip.schema.unexpected if kind == "table")
        created_names = {name for _, name in trip.schema.unexpected}
        changed = [change.subject for change in (*trip.data.losses, *trip.data.additions)]
        undeclared = [
            name
            for name in dict.fromkeys([*changed, *staying(trip), *trip.unseen])
            if name in undeclared and name not in created_names and not name.startswith(dropped_prefixes)
        ]
    names = list(undeclared)
    if names and (repair is None or repair.refusal is None):
        parts.append(acceptance(trip, names, declared))
    return "\n\n".join(parts)


def acceptance(trip: RoundTrip, names: Iterable[str], declared: Mapping[str, str] = _NONE) -> str:
    """Return the line of a revision that declares accepted losses, those that it declares already included."""
    stays = staying(trip)
    return declaration({**declared, **{name: ONE_WAY if name in stays else "why this is accepted" for name in names}})


def staying(trip: RoundTrip) -> list[str]:
    """Return the names of the objects of which only changes stay that Postgres has no statement to undo."""
    rest = {name for name, _ in trip.rest.by_name()}
    return [name for name, _ in trip.one_way.by_name() if name not in rest]


def losses_of(trip: RoundTrip) -> dict[str, str]:
    """Return the losses by name. If the downgrade does nothing, only rows count: another check reports the schema."""
    return {change.subject: str(change) for change in trip.data.losses} if trip.is_silent else dict(trip.losses)


def went_through(trip: RoundTrip | None) -> RoundTrip | None:
    """Return the round trip if its downgrade succeeded; None if it refused, failed, or was not requested."""
    return trip if trip is not None and trip.failure is None and trip.refusal is None else None
