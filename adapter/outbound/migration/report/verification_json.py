"""The verification as JSON, schema `hexalembic.verification/1`: a contract with the programs that read it.

schema        "hexalembic.verification/1"
postgres      server version of the sandbox, such as "18.6"
diagnostics   diagnostics of the history as a whole
certified     revisions that were not verified again, because their certificate is still valid
revisions     in the order in which they run, each with
  revision, path, message, phase, failed, not_judged (true when it could not be run)
  not_seen       true when it seems exact, but the upgrade or a statement did nothing, so that there is no certificate
  reversibility  "exact" | "lossy" | "irreversible", or null without a certificate; `losses`: {name: sentence}
  not_read       foreign tables, which the sandbox neither fills nor reads
  unread         {table: reason}: tables whose rows could not be read and were not compared
  unmade_edges   {column: text}: values at the edges of its type that no row had, and why, in the tables that the
                 revision touches
  round_trip     {refusal, failure, schema, data, schema_again, data_again}, differences in sentences; or null
  repetition     {twice, kills, survived, failures}; or null
  old_code, new_code   {tried, broken: [{sql, table, error, sqlstate, when_prepared, recorded}], untried}; or null
  diagnostics    {code, severity, relation, message, help, fix}
"""

import json
from typing import Any

from adapter.outbound.migration.report.diagnostic_fields import fields
from adapter.outbound.postgres.redaction import redact
from application.migration.verify import VerificationReport
from domain.migration.compatibility import Compatibility
from domain.migration.verification.proof import Repetition, RevisionProof
from domain.migration.verification.round_trip import RoundTrip

SCHEMA = "hexalembic.verification/1"


def render(report: VerificationReport) -> str:
    """Return a report as JSON, indented by two spaces."""
    return json.dumps(redact(as_data(report)), indent=2, ensure_ascii=False)


def as_data(report: VerificationReport) -> dict[str, Any]:
    """Return a report as plain data."""
    return {
        "schema": SCHEMA,
        "postgres": report.postgres,
        "diagnostics": [fields(diagnostic) for diagnostic in report.diagnostics],
        "certified": [certificate.revision for certificate in report.certified],
        "revisions": [_revision(proof) for proof in report.proofs],
    }


def _revision(proof: RevisionProof) -> dict[str, Any]:
    trace, certificate = proof.analysis.trace, proof.certificate
    return {
        "revision": trace.revision,
        "path": trace.path,
        "message": trace.message,
        "phase": proof.analysis.phase.value,
        "failed": proof.failed,
        "not_judged": proof.not_judged,
        "not_seen": proof.not_seen,
        "reversibility": certificate.reversibility.value if certificate else None,
        "losses": dict(certificate.losses) if certificate else {},
        "not_read": list(trace.foreign_tables),
        "unread": dict(trace.unread),
        "unmade_edges": dict(trace.unmade_edges),
        "round_trip": _trip(proof.trip),
        "repetition": _repetition(proof.repetition),
        "old_code": _code(proof.old_code),
        "new_code": _code(proof.new_code),
        "diagnostics": [fields(diagnostic) for diagnostic in proof.diagnostics],
    }


def _trip(trip: RoundTrip | None) -> dict[str, Any] | None:
    return (
        None
        if trip is None
        else {
            "refusal": trip.refusal,
            "failure": trip.failure,
            "schema": list(trip.schema.sentences()),
            "data": list(trip.data.sentences()),
            "schema_again": list(trip.schema_again.sentences()),
            "data_again": list(trip.data_again.sentences()),
        }
    )


def _repetition(repetition: Repetition | None) -> dict[str, Any] | None:
    return (
        None
        if repetition is None
        else {
            "twice": list(repetition.twice),
            "kills": repetition.kills,
            "survived": repetition.survived,
            "failures": list(repetition.failures),
        }
    )


def _code(code: Compatibility | None) -> dict[str, Any] | None:
    return (
        None
        if code is None
        else {
            "tried": code.tried,
            "broken": [
                {
                    "sql": broken.statement.sql,
                    "table": broken.statement.table,
                    "error": broken.error,
                    "sqlstate": broken.sqlstate,
                    "when_prepared": broken.when_prepared,
                    "recorded": broken.statement.recorded,
                    "role": broken.statement.role or None,
                }
                for broken in code.broken
            ],
            "untried": dict(code.untried),
        }
    )
