"""Certificates: what was proved of the downgrade of each revision.

A revision declares as data what its downgrade does not do:

    lossy_downgrade = {"public.users.nickname": "unused since release 7; support agreed on 3 March"}

    irreversible = "the old passwords cannot be had from their hashes"

The certificates are stored in one JSON file that is committed beside the revisions. A revision is proved again only if
its file has changed:

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
        revision: Id of the revision.
        postgres: Major version of Postgres.
        sha256: SHA-256 of the revision's file, in hexadecimal.
        rows: Number of rows in each table before the upgrade.
        seed: Seed of the made-up rows.
        reversibility: What the downgrade restores.
        losses: What the downgrade does not restore, one sentence for each table, column or other object.
        message: Message with which the downgrade refuses; None if it does not refuse.
        proofs: Names of the proofs that succeeded.
        unmade_edges: Columns of the touched tables without rows at the edges of their type, with the reason.
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
        """Copy the mappings, so that nobody can change them afterwards."""
        object.__setattr__(self, "unmade_edges", MappingProxyType(dict(self.unmade_edges)))
        object.__setattr__(self, "losses", MappingProxyType(dict(self.losses)))

    def __str__(self) -> str:
        """Return a line such as `ae1027a6acf5: exact`, followed by one line for each loss."""
        head = f"{self.revision}: {self.reversibility.value}" + (f" ({self.message})" if self.message else "")
        return "\n".join([head, *(f"  {sentence}" for sentence in self.losses.values())])


def to_json(certificates: Iterable[Certificate]) -> str:
    """Return certificates as JSON, sorted and with one value a line, so that two files can be compared."""
    revisions: dict[str, dict[str, Any]] = {}
    for certificate in certificates:
        revisions.setdefault(certificate.revision, {})[str(certificate.postgres)] = {
            "sha256": certificate.sha256,
            "rows": certificate.rows,
            "seed": certificate.seed,
            "reversibility": certificate.reversibility.value,
            "losses": dict(certificate.losses),
            "message": certificate.message,
            "proofs": list(certificate.proofs),
            **({"unmade_edges": dict(certificate.unmade_edges)} if certificate.unmade_edges else {}),
        }
    text = json.dumps({"schema": SCHEMA, "revisions": revisions}, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n"


def from_json(text: str) -> tuple[Certificate, ...]:
    """Return the certificates that `to_json` wrote, sorted by revision and major version.

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
        certificates = [
            _certificate(revision, major, values)
            for revision, majors in stored["revisions"].items()
            for major, values in majors.items()
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CertificateError(
            f"the certificates cannot be read: {type(error).__name__}: {error}",
            "restore the file from version control, or remove it; migrate verify writes it again",
        ) from error
    return tuple(sorted(certificates, key=_key))


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
        unmade_edges={str(column): str(reason) for column, reason in values.get("unmade_edges", {}).items()},
    )


def _key(certificate: Certificate) -> tuple[str, int]:
    return certificate.revision, certificate.postgres


def outdated(
    certificates: Iterable[Certificate], files: Mapping[str, str], *, postgres: int, rows: int, seed: int
) -> Mapping[str, str]:
    """Return the revisions without a valid certificate, with the reason.

    Args:
        certificates: Existing certificates.
        files: SHA-256 of each revision's file, in the order of the history.
        postgres: Major version of Postgres to prove them on.
        rows: Number of rows in each table.
        seed: Seed of the made-up rows.

    Returns:
        The reason for each revision that must be proved under these conditions, in the order of `files`.
    """
    by_revision = {
        certificate.revision: certificate for certificate in certificates if certificate.postgres == postgres
    }
    reasons = {revision: _why(by_revision.get(revision), sha256, rows, seed) for revision, sha256 in files.items()}
    return {revision: reason for revision, reason in reasons.items() if reason is not None}


def _why(certificate: Certificate | None, sha256: str, rows: int, seed: int) -> str | None:
    if certificate is None:
        return "not proved yet"
    if certificate.sha256 != sha256:
        return "its file has changed"
    if (certificate.rows, certificate.seed) != (rows, seed):
        return f"proved with {certificate.rows} rows from seed {certificate.seed}"
    return None


def merge(certificates: Iterable[Certificate], newer: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Return all certificates, where newer ones replace older ones of the same revision and major version."""
    return tuple(sorted({_key(certificate): certificate for certificate in (*certificates, *newer)}.values(), key=_key))
