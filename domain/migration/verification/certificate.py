"""What a downgrade was proved to be, and whether the revision says so itself.

A revision declares as data what its downgrade does not do:

    lossy_downgrade = {"public.users.nickname": "unused since release 7; support agreed on 3 March"}

    irreversible = "the old passwords cannot be had from their hashes"

What was proved is kept in one JSON file that is committed beside the revisions, so that only changed revisions are
proved again:

    {"schema": "hexalembic.certificates/1",
     "revisions": {"ae1027a6acf5": {"18": {"losses": {}, "message": null, "proofs": ["compat", "round-trip"],
                                           "reversibility": "exact", "rows": 2000, "seed": 1, "sha256": "5f1d…"}}}}
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.digest import DataDifference
from domain.migration.errors import MigrationError
from domain.migration.op_code import quoted
from domain.migration.repair.repair import Repair
from domain.migration.snapshot import SchemaDifference
from domain.migration.verification import one_way

SCHEMA = "hexalembic.certificates/1"
UNSEEN = "loss-not-seen"  # code of the warning that keeps a revision from being called exact

_PLACE = re.compile(r"\s*\([^()]*\bline \d+\)$")  # of a message in the revision's file


class CertificateError(MigrationError):
    """A certificate file or a declaration that cannot be read."""

    exit_code = 2


class Reversibility(Enum):
    """What the downgrade of a revision gives back: everything, not everything, or nothing, by its own word."""

    EXACT = "exact"
    LOSSY = "lossy"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True)
class Declaration:
    """What a revision says of its own downgrade.

    Attributes:
        lossy_downgrade: Why each loss is accepted, by the name of the table, column or other object.
        irreversible: Why there is no way back; None when there is one.
    """

    lossy_downgrade: Mapping[str, str] = field(default_factory=dict)
    irreversible: str | None = None

    @classmethod
    def read(cls, revision: str, lossy_downgrade: object = None, irreversible: object = None) -> "Declaration":
        """Take the values of the revision's names, None where it has no such name.

        Raises:
            CertificateError: They are of another type, or a reason is missing.
        """
        reasons = {} if lossy_downgrade is None else lossy_downgrade
        if not isinstance(reasons, Mapping) or not all(map(_is_text, [*reasons, *reasons.values()])):
            raise CertificateError(
                f"lossy_downgrade of revision {revision} is not a dictionary of names and reasons",
                'write lossy_downgrade = {"public.users.nickname": "why this is accepted"}',
            )
        if irreversible is not None and not _is_text(irreversible):
            raise CertificateError(
                f"irreversible of revision {revision} is not a reason",
                'write irreversible = "why there is no way back"',
            )
        return cls(dict(reasons), irreversible if isinstance(irreversible, str) else None)


@dataclass(frozen=True)
class RoundTrip:
    """What was seen when a revision was applied, undone and applied again.

    Attributes:
        refusal: The message with which the downgrade refused on purpose; None when it did not.
        failure: Why the downgrade, or the upgrade after it, failed without meaning to; None when both went through.
        statements: How many statements the downgrade executed; a silent `pass` executes none.
        schema: What separates the schema after the downgrade from the one before the upgrade. The order of columns is
            left out: a column that comes back stands last.
        one_way: The part of it that Postgres has no statement to undo.
        data: The same of the rows.
        schema_again: What separates the schema after the second upgrade from that after the first.
        data_again: The same of the rows.
        repair: What would have brought the schema back, and was not done; None when nothing is left to do.
        causes: Which statement of the upgrade is behind a difference, `line 12: DROP INDEX …`, by the object's name.
        not_again: Why the upgrade failed on what a downgrade that does nothing has left; None when it did not.
        unseen: What may be lost and had no value in the sandbox, a sentence for each name.
    """

    refusal: str | None = None
    failure: str | None = None
    statements: int = 0
    schema: SchemaDifference = field(default_factory=SchemaDifference)
    data: DataDifference = field(default_factory=DataDifference)
    schema_again: SchemaDifference = field(default_factory=SchemaDifference)
    data_again: DataDifference = field(default_factory=DataDifference)
    repair: Repair | None = None
    causes: Mapping[str, str] = field(default_factory=dict)
    one_way: SchemaDifference = field(default_factory=SchemaDifference)
    not_again: str | None = None
    unseen: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_silent(self) -> bool:
        """Whether the downgrade does nothing, though there is something that it could undo."""
        return bool(self.rest) and not self.statements

    @property
    def rest(self) -> SchemaDifference:
        """What separates the schemas, and could be undone."""
        return self.schema.without(self.one_way)

    @property
    def reversibility(self) -> Reversibility | None:
        """What the downgrade gives back; None when it fails or leads to another schema that it does not own up to."""
        if self.failure is not None:
            return None
        if self.refusal is not None:
            return Reversibility.IRREVERSIBLE
        if self.is_silent:
            return None
        return Reversibility.LOSSY if self.schema or self.data else Reversibility.EXACT

    @property
    def losses(self) -> Mapping[str, str]:
        """What differs after the downgrade, by the name of what it is about, the worst first; sentences are joined."""
        losses: dict[str, list[str]] = {change.subject: [] for change in self.data.losses}
        for name, sentence in self.schema.by_name():
            losses.setdefault(name, []).append(sentence)
        for change in (*self.data.losses, *self.data.additions):
            losses.setdefault(change.subject, []).append(str(change))
        return {name: "; ".join(sentences) for name, sentences in losses.items()}


@dataclass(frozen=True)
class Certificate:
    """What was proved of one revision on one major version of Postgres.

    Attributes:
        revision: Whose downgrade.
        postgres: The major version.
        sha256: Of the revision's file, in hexadecimal.
        rows: How many rows each table had before the upgrade.
        seed: From which they were made.
        reversibility: What the downgrade gives back.
        losses: What it does not, a sentence for each name.
        message: With which it refuses; None when it does not.
        proofs: What else was proved of the revision then, by name.
        unmade_edges: Values at the edges of types that no row had in the tables which it touches, with the reason, by
            column.
    """

    revision: str
    postgres: int
    sha256: str
    rows: int
    seed: int
    reversibility: Reversibility
    losses: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None
    proofs: tuple[str, ...] = ()
    unmade_edges: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Copy what nobody shall change afterwards."""
        object.__setattr__(self, "unmade_edges", MappingProxyType(dict(self.unmade_edges)))
        object.__setattr__(self, "losses", MappingProxyType(dict(self.losses)))

    def __str__(self) -> str:
        """Say it in a line, `ae1027a6acf5: exact`, and each loss in a line of its own."""
        head = f"{self.revision}: {self.reversibility.value}" + (f" ({self.message})" if self.message else "")
        return "\n".join([head, *(f"  {sentence}" for sentence in self.losses.values())])


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
    """Say what a downgrade left that went through, when the upgrade fails on it."""
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


def to_json(certificates: Iterable[Certificate]) -> str:
    """Write certificates as JSON: sorted, a value a line, so that two files can be compared."""
    revisions: dict[str, dict[str, Any]] = {}
    for one in certificates:
        revisions.setdefault(one.revision, {})[str(one.postgres)] = {
            "sha256": one.sha256,
            "rows": one.rows,
            "seed": one.seed,
            "reversibility": one.reversibility.value,
            "losses": dict(one.losses),
            "message": one.message,
            "proofs": list(one.proofs),
            **({"unmade_edges": dict(one.unmade_edges)} if one.unmade_edges else {}),
        }
    text = json.dumps({"schema": SCHEMA, "revisions": revisions}, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n"


def from_json(text: str) -> tuple[Certificate, ...]:
    """Read what `to_json` wrote, in the order of revision and major version.

    Raises:
        CertificateError: The text is not JSON, or not of this schema.
    """
    try:
        stored = json.loads(text)
        if stored["schema"] != SCHEMA:
            raise CertificateError(
                f"the certificates are of schema {stored['schema']!r}, not {SCHEMA!r}",
                "remove the file; migrate verify writes it again",
            )
        found = [
            _certificate(revision, major, values)
            for revision, majors in stored["revisions"].items()
            for major, values in majors.items()
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CertificateError(
            f"the certificates cannot be read: {type(error).__name__}: {error}",
            "take the file from version control, or remove it; migrate verify writes it again",
        ) from error
    return tuple(sorted(found, key=_place))


def _certificate(revision: str, major: str, values: Mapping[str, Any]) -> Certificate:
    losses, message = values["losses"], values["message"]
    if not isinstance(losses, dict) or not all(map(_is_text, [revision, values["sha256"], *losses.values()])):
        raise TypeError(f"certificate of revision {revision}")
    return Certificate(
        revision=revision,
        postgres=int(major),
        sha256=values["sha256"],
        rows=int(values["rows"]),
        seed=int(values["seed"]),
        reversibility=Reversibility(values["reversibility"]),
        losses=losses,
        message=None if message is None else str(message),
        proofs=tuple(map(str, values["proofs"])),
        unmade_edges={str(column): str(said) for column, said in values.get("unmade_edges", {}).items()},
    )


def _place(certificate: Certificate) -> tuple[str, int]:
    return certificate.revision, certificate.postgres


def outdated(
    certificates: Iterable[Certificate], files: Mapping[str, str], *, postgres: int, rows: int, seed: int
) -> Mapping[str, str]:
    """Tell which revisions are to be proved, and why.

    Args:
        certificates: What has been proved.
        files: The SHA-256 of each revision's file, in the order of the history.
        postgres: The major version to prove them on.
        rows: How many rows each table gets.
        seed: From which they are made.

    Returns:
        The reason of each revision that has no certificate under these conditions, in the order of `files`.
    """
    known = {one.revision: one for one in certificates if one.postgres == postgres}
    reasons = {revision: _why(known.get(revision), sha256, rows, seed) for revision, sha256 in files.items()}
    return {revision: reason for revision, reason in reasons.items() if reason is not None}


def _why(known: Certificate | None, sha256: str, rows: int, seed: int) -> str | None:
    if known is None:
        return "not proved yet"
    if known.sha256 != sha256:
        return "its file has changed"
    if (known.rows, known.seed) != (rows, seed):
        return f"proved with {known.rows} rows from seed {known.seed}"
    return None


def merge(certificates: Iterable[Certificate], newer: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Put newer certificates in the place of older ones of the same revision and major version."""
    return tuple(sorted({_place(one): one for one in (*certificates, *newer)}.values(), key=_place))


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


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
