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
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from domain.migration.verification.round_trip import CertificateError, Reversibility, is_text

SCHEMA = "hexalembic.certificates/1"


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
        """Return it in a line, `ae1027a6acf5: exact`, and each loss in a line of its own."""
        head = f"{self.revision}: {self.reversibility.value}" + (f" ({self.message})" if self.message else "")
        return "\n".join([head, *(f"  {sentence}" for sentence in self.losses.values())])


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
    if not isinstance(losses, dict) or not all(map(is_text, [revision, values["sha256"], *losses.values()])):
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
    """Return which revisions are to be proved, and why.

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
