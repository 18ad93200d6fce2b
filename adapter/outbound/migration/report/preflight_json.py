"""The preflight as JSON, schema `hexalembic.preflight/1`: a contract with the programs that read it.

schema     "hexalembic.preflight/1"
ready      whether nothing failed, and everything could be read
plan       hash of the plan that was checked; null if there can be none
findings   {check, outcome, message, remedy}, worst first; outcome is "failed", "not read", "warning" or "passed";
           the remedy may be null
"""

import json

from adapter.outbound.postgres.redaction import redact
from domain.migration.deployment.preflight import PreflightReport

SCHEMA = "hexalembic.preflight/1"


def render(report: PreflightReport) -> str:
    """Return a report as JSON, indented by two spaces."""
    data = {
        "schema": SCHEMA,
        "ready": not report.failed,
        "plan": report.plan.hash() if report.plan else None,
        "findings": [
            {
                "check": finding.check,
                "outcome": finding.outcome.value,
                "message": finding.message,
                "remedy": finding.remedy or None,
            }
            for finding in report.findings
        ],
    }
    return json.dumps(redact(data), indent=2, ensure_ascii=False)
