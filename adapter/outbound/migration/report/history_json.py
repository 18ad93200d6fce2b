"""Past deployments as JSON, schema `hexalembic.history/1`: a contract with the programs that read it.

schema       "hexalembic.history/1"
journal      where they were read
count        number of deployments in the journal
deployments  {deployment, plan, database, who, version, started, ended, outcome, steps}, newest first; times are in UTC;
             the outcome is that of the first step that is not done
steps        {revision, sha256, outcome, attempts, seconds, predicted, waited, blockers, message}; seconds of the last
             attempt without its waiting for locks, or null; predicted is [shortest, longest] or null; waited is the sum
             over all attempts

An outcome is "committed", "gave way" (to others, at a lock), "failed", "interrupted", "unknown" (the connection was
lost), or "started" (no end is recorded).
"""

import json
from typing import Any

from adapter.outbound.postgres.redaction import redact
from application.migration.read_history import HistoryReport
from domain.migration.deployment.past import PastDeployment, PastStep

SCHEMA = "hexalembic.history/1"


def render(report: HistoryReport) -> str:
    """Return a report as JSON, indented by two spaces."""
    data = {
        "schema": SCHEMA,
        "journal": report.place,
        "count": report.count,
        "deployments": [_deployment(deployment) for deployment in report.deployments],
    }
    return json.dumps(redact(data), indent=2, ensure_ascii=False)


def _deployment(deployment: PastDeployment) -> dict[str, Any]:
    return {
        "deployment": deployment.deployment,
        "plan": deployment.plan,
        "database": deployment.database,
        "who": deployment.who,
        "version": deployment.version,
        "started": deployment.started.isoformat(),
        "ended": deployment.ended.isoformat(),
        "outcome": deployment.event.value,
        "steps": [_step(step) for step in deployment.steps],
    }


def _step(step: PastStep) -> dict[str, Any]:
    return {
        "revision": step.revision,
        "sha256": step.sha256,
        "outcome": step.event.value,
        "attempts": step.attempts,
        "seconds": step.seconds,
        "predicted": None if step.predicted is None else [*step.predicted],
        "waited": step.waited,
        "blockers": [*step.blockers],
        "message": step.message or None,
    }
