"""The plan as JSON, schema `hexalembic.plan/1`: a contract with the programs that read it.

schema      "hexalembic.plan/1"
hash        SHA-256 of all that must be unchanged when it is carried out: the files of the revisions, the target, the
            revisions that it is at, its schema, the policy
direction   "upgrade" | "downgrade"
target      {database, system_identifier, address, postgres}; the identifier may be null
current, goal   revisions that the database is at, and that it will be at
catalog     SHA-256 of its schema
policy      {stall, longest_stall, deadline, cancel_blockers}: the options of migrate deploy, in seconds
seconds     expected [low, high] of all steps; null where one was not measured, as in all durations
blocked_seconds   longest expected time for which statements of the application wait at once
steps       in order, each with
  revision, message, path, sha256, phase
  verdict   "safe" | "unsafe" | "not judged"; `reasons`: the codes that make it unsafe; `accepted` {code: reason}:
            errors that its author accepts; `not_run`: why it could not be run, or null
  seconds, blocked_seconds
  parts     {kind, first, last, seconds, batches, concurrent}: how its statements commit; kind is "transaction",
            "autocommit" or "backfill", which commits each of its batches; `batches` is the highest number that is
            expected, or null; `concurrent` says whether a statement waits for all older snapshots
  locks     {relation, table, mode, blocks_reads, blocks_writes, from_statement, to_statement, starts, seconds}, each on
            a relation that existed before; `starts` is the time from the beginning of the step
  way_back  {reversibility, losses, reason}: "exact", "lossy", "irreversible", or null where nothing was proved
  destroys  {name, loss, rows, why}: what a downgrade takes away; loss is "table", "column", "rows" (changed or
            deleted), or "converted" (a column's type); `rows` is the number of rows or values at the target, or null
"""

import json
from typing import Any

from adapter.outbound.postgres.redaction import redact
from domain.migration.deployment.plan import Plan, PlannedLock, Step

SCHEMA = "hexalembic.plan/1"


def render(plan: Plan) -> str:
    """Return a plan as JSON, indented by two spaces."""
    return json.dumps(redact(_as_data(plan)), indent=2, ensure_ascii=False)


def _as_data(plan: Plan) -> dict[str, Any]:
    target = plan.target
    return {
        "schema": SCHEMA,
        "hash": plan.hash(),
        "direction": "downgrade" if plan.is_downgrade else "upgrade",
        "target": {
            "database": target.database,
            "system_identifier": target.system_identifier,
            "address": target.address,
            "postgres": target.postgres,
        },
        "current": list(plan.current),
        "goal": list(plan.goal),
        "catalog": plan.catalog,
        "policy": dict(plan.policy.limits),
        "seconds": plan.seconds,
        "blocked_seconds": plan.blocked_seconds,
        "steps": [_step(step) for step in plan.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    reversibility = step.way_back.reversibility
    return {
        "revision": step.revision,
        "message": step.message,
        "path": step.path,
        "sha256": step.sha256,
        "phase": step.phase.value,
        "verdict": step.verdict,
        "reasons": list(step.reasons),
        "accepted": dict(step.accepted),
        "not_run": step.not_run or None,
        "seconds": step.seconds,
        "blocked_seconds": step.blocked_seconds,
        "parts": [
            {
                "kind": part.kind.value,
                "first": part.first,
                "last": part.last,
                "seconds": part.seconds,
                "batches": part.batches,
                "concurrent": part.concurrent,
            }
            for part in step.parts
        ],
        "locks": [_lock(lock) for lock in step.locks],
        "way_back": {
            "reversibility": None if reversibility is None else reversibility.value,
            "losses": dict(step.way_back.losses),
            "reason": step.way_back.reason or None,
        },
        "destroys": [
            {"name": item.name, "loss": item.loss.value, "rows": item.rows, "why": item.why or None}
            for item in step.destroys
        ],
    }


def _lock(lock: PlannedLock) -> dict[str, Any]:
    return {
        "relation": lock.relation,
        "table": lock.table,
        "mode": lock.mode.sql,
        "blocks_reads": lock.mode.blocks_reads,
        "blocks_writes": lock.mode.blocks_writes,
        "from_statement": lock.from_statement,
        "to_statement": lock.to_statement,
        "starts": lock.starts,
        "seconds": lock.seconds,
    }
