"""The end of a deployment as JSON in one line, after its events.

schema    "hexalembic.deployment/1"
event     "ended"
plan      hash of the plan
failed    whether a step or its record is missing, or something is wrong afterwards
current   revisions that the database is at, or null if it could not be asked
applied, not_done   revisions, in order
steps     {revision, applied, attempts, seconds, waited, predicted, unrecorded}; `applied` is null where it is not known
findings  {check, outcome, message, remedy}
backup    folder of what was saved before the first step, or null
message, hint   why the last step was not applied, and what helps; null if it was
"""

import json
from typing import Any

from adapter.outbound.postgres.redaction import redact
from domain.migration.deployment.deployment import DeployedStep, DeploymentReport

SCHEMA = "hexalembic.deployment/1"


def render(report: DeploymentReport) -> str:
    """Return a report as JSON in one line."""
    last = report.last_attempt
    values = {
        "schema": SCHEMA,
        "event": "ended",
        "plan": report.plan.hash(),
        "failed": report.failed,
        "current": None if report.current is None else list(report.current),
        "applied": [deployed.step.revision for deployed in report.steps if deployed.applied],
        "not_done": [step.revision for step in report.not_done],
        "steps": [_step(deployed) for deployed in report.steps],
        "findings": [
            {
                "check": finding.check,
                "outcome": finding.outcome.value,
                "message": finding.message,
                "remedy": finding.remedy or None,
            }
            for finding in report.findings
        ],
        "backup": report.backup and report.backup.path,
        "message": (last and last.message) or None,
        "hint": (last and last.hint) or None,
    }
    return json.dumps(redact(values), ensure_ascii=False)


def _step(deployed: DeployedStep) -> dict[str, Any]:
    return {
        "revision": deployed.step.revision,
        "applied": deployed.applied,
        "attempts": len(deployed.attempts),
        "seconds": round(deployed.seconds, 3),
        "waited": round(deployed.waited, 3),
        "predicted": deployed.step.seconds,
        "unrecorded": deployed.unrecorded or None,
    }
