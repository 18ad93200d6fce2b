"""Plans of an upgrade, in few words."""

from dataclasses import replace
from typing import Any

from domain.migration.deployment.plan import Part, PartKind, Plan, PlannedLock, Step, TargetIdentity, WayBack
from domain.migration.locks import LockMode
from domain.migration.revision import Phase
from domain.migration.verification.round_trip import Reversibility

TARGET = TargetIdentity("shop", "7512", "postgresql://db.example.com/shop", "18.6")
EXACT = WayBack(Reversibility.EXACT)


def lock(table: str, mode: LockMode = LockMode.ACCESS_EXCLUSIVE, **more: Any) -> PlannedLock:
    """Return a lock that the first statement takes and that is held for 2 to 4 ms."""
    values: dict[str, Any] = {"starts": (0.0, 0.0), "seconds": (0.002, 0.004), "from_statement": 1, "to_statement": 1}
    return PlannedLock(table, table, mode=mode, **values | more)


def planned(revision: str = "a1", *locks: PlannedLock, **more: Any) -> Step:
    """Return a safe step of one transaction that takes 0.01 to 0.02 s and can be undone."""
    values: dict[str, Any] = {
        "message": f"Change {revision}.",
        "path": f"versions/{revision}.py",
        "sha256": f"sha of {revision}",
        "phase": Phase.EXPAND,
        "verdict": "safe",
        "way_back": EXACT,
        "parts": (Part(PartKind.TRANSACTION, 1, 1, (0.01, 0.02)),),
        "seconds": (0.01, 0.02),
    }
    return Step(revision=revision, locks=locks, **values | more)


def plan(*steps: Step, **more: Any) -> Plan:
    """Return a plan of some steps for one database."""
    goal = (steps[-1].revision,) if steps else ("a0",)
    return replace(Plan(TARGET, ("a0",), goal, "catalog", steps), **more)
