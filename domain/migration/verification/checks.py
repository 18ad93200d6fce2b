"""What keeps a revision from its certificate."""

import re
from collections.abc import Iterable, Iterator, Mapping

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import quoted
from domain.migration.repair.derivation import Repair
from domain.migration.verification import one_way
from domain.migration.verification.certificate import Certificate
from domain.migration.verification.round_trip import Declaration, RoundTrip

UNSEEN = "loss-not-seen"  # code of the warning that keeps a revision from being called exact
_PLACE = re.compile(r"\s*\([^()]*\bline \d+\)$")  # of a message in the revision's file


def judge(trip: RoundTrip, declaration: Declaration) -> tuple[Diagnostic, ...]:
    """Hold what was seen against what the revision declares.

    Returns:
        An error for whatever keeps the revision from its certificate, a warning for a declaration that is not needed.
    """
    if trip.failure is not None:
        return (
            _error(
                "downgrade-fails",
                f"The way back fails: {trip.failure}{_also(trip)}",
                "Mend the downgrade, or let it refuse with a message and declare that.",
                fix=_accepting(trip, trip.losses) if trip.schema else _whole(trip.repair),
            ),
        )
    if trip.refusal is not None:
        return tuple(_judge_refusal(trip.refusal, declaration))
    return (*_judge_losses(trip, declaration), *_judge_repetition(trip))


def _judge_refusal(refusal: str, declaration: Declaration) -> Iterator[Diagnostic]:
    if declaration.irreversible is None:
        yield _error(
            "undeclared-irreversible",
            f"The downgrade refuses ({refusal}), and the revision does not declare it.",
            "Declare it, so that whoever deploys this knows beforehand.",
            fix=f"irreversible = {quoted(_PLACE.sub('', refusal))}",
        )
    for name in sorted(declaration.lossy_downgrade):
        yield _unused(name, "the downgrade refuses")


def _judge_losses(trip: RoundTrip, declaration: Declaration) -> Iterator[Diagnostic]:
    losses = trip.losses
    if trip.is_silent:
        yield _error(
            "silent-downgrade",
            f"The downgrade does nothing, and leaves another schema: {_left(trip)}.",
            "Undo what the upgrade did, or raise an error with a message and declare the revision irreversible.",
            fix=_whole(trip.repair),
        )
        losses = {change.subject: str(change) for change in trip.data.losses}
    undeclared = {name: said for name, said in losses.items() if name not in declaration.lossy_downgrade}
    stay = {name for name, _ in trip.one_way.by_name()} - {name for name, _ in trip.rest.by_name()}
    fix = _accepting(trip, undeclared)
    for name, sentence in undeclared.items():
        stays = name in stay
        yield Diagnostic(
            "undeclared-loss",
            Severity.WARNING if stays else Severity.ERROR,
            None,
            name,
            f"After the downgrade it is not as before: {sentence}{_cause(trip, name)}.",
            one_way.ADVICE if stays else "Give it back in the downgrade, or declare why the loss is accepted.",
            one_way.declaration([name]) if stays else fix,
        )
    if trip.not_again is not None and trip.one_way:
        yield Diagnostic(
            "upgrade-fails-again",
            Severity.WARNING,
            None,
            None,
            f"After the downgrade, the upgrade fails on what has stayed: {trip.not_again}",
            "Let it find what is there already: ADD VALUE IF NOT EXISTS.",
        )
    for name in sorted(trip.unseen.keys() - losses.keys() - declaration.lossy_downgrade.keys()):
        yield Diagnostic(
            UNSEEN,
            Severity.WARNING,
            None,
            name,
            f"Whether the downgrade gives it back was not seen: {trip.unseen[name]}.",
            "Give the sandbox rows with values there (--rows-from FILE.sql), or declare why the loss is accepted.",
            _acceptance([name]),
        )
    for name in sorted(declaration.lossy_downgrade.keys() - losses.keys() - trip.unseen.keys()):
        yield _unused(name, "nothing of it is lost")
    if declaration.irreversible is not None:
        yield Diagnostic(
            "unused-declaration",
            Severity.WARNING,
            None,
            None,
            "irreversible is declared, but the downgrade goes through.",
            "Remove it, or let the downgrade refuse with a message.",
        )


def _cause(trip: RoundTrip, name: str) -> str:
    return f" ({trip.causes[name]})" if name in trip.causes else ""


def _also(trip: RoundTrip) -> str:
    """Return what a downgrade left that went through, when the upgrade fails on it."""
    return f". After the downgrade it is not as before: {_left(trip)}." if trip.schema else ""


def _left(trip: RoundTrip) -> str:
    return "; ".join(f"{sentence}{_cause(trip, name)}" for name, sentence in trip.schema.by_name())


def _whole(repair: Repair | None) -> str | None:
    return None if repair is None else repair.downgrade(whole=True)


def _accepting(trip: RoundTrip, undeclared: Iterable[str]) -> str:
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
        parts.append(_acceptance(names))
    return "\n\n".join(parts)


def _acceptance(names: Iterable[str]) -> str:
    """Return the line of a revision that accepts losses."""
    reasons = ", ".join(f'{quoted(name)}: "why this is accepted"' for name in names)
    return f"lossy_downgrade = {{{reasons}}}"


def _judge_repetition(trip: RoundTrip) -> Iterator[Diagnostic]:
    sentences = [*trip.schema_again.sentences(), *(map(str, trip.data_again.losses))]
    if sentences:
        yield _error(
            "upgrade-differs-again",
            f"After the downgrade, the upgrade leads elsewhere than the first time: {'; '.join(sentences)}.",
            "Let the downgrade leave nothing behind that the upgrade meets again.",
        )


def _error(code: str, message: str, advice: str, *, relation: str | None = None, fix: str | None = None) -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, None, relation, message, advice, fix)


def _unused(name: str, why: str) -> Diagnostic:
    return Diagnostic(
        "unused-declaration",
        Severity.WARNING,
        None,
        name,
        f'lossy_downgrade["{name}"] declares a loss that does not happen: {why}.',
        "Remove it, lest it hide a loss later.",
    )


def changed_since(
    certificates: Iterable[Certificate], files: Mapping[str, str], applied: Iterable[str]
) -> tuple[Diagnostic, ...]:
    """Find revisions that were applied and whose file is not the one that was proved.

    Args:
        certificates: What was proved.
        files: The SHA-256 of each revision's file as it is now.
        applied: Revisions that a real database has.
    """
    proved: dict[str, set[str]] = {}
    for one in certificates:
        proved.setdefault(one.revision, set()).add(one.sha256)
    return tuple(
        _error(
            "applied-revision-changed",
            f"Revision {revision} is applied, but its file has changed since it was proved: it was"
            f" {', '.join(sorted(proved[revision]))}, it is {files[revision]}.",
            "Take the old file from version control, and write what is new as a revision of its own.",
        )
        for revision in applied
        if revision in proved and revision in files and files[revision] not in proved[revision]
    )
