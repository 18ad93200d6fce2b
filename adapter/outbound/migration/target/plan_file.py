"""Reads a plan that was written by `migrate plan --format json`, as far as a deployment compares it."""

import json
from pathlib import Path
from typing import Any

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from domain.migration.deployment.lock_policy import Blockers, LockPolicy
from domain.migration.deployment.plan_key import PlanKey

_SCHEMA = "hexalembic.plan/1"
_HINT = "write it with: migrate plan --format json > plan.json"


def read_plan_key(path: Path) -> PlanKey:
    """Return what a plan was made for.

    Raises:
        DatabaseConfigurationError: The file cannot be read, is no plan, or was changed after it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatabaseConfigurationError(f"{path} cannot be read: {error.strerror}", _HINT) from error
    except ValueError as error:
        raise DatabaseConfigurationError(f"{path} is no plan: {error}", _HINT) from error
    try:
        key = _key(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DatabaseConfigurationError(f"{path} is no plan", _HINT) from error
    if key.hash() != content.get("hash"):
        raise DatabaseConfigurationError(f"{path} was changed after it was written: its hash is another one", _HINT)
    return key


def _key(content: Any) -> PlanKey:
    if content["schema"] != _SCHEMA:
        raise KeyError(_SCHEMA)
    target = content["target"]
    return PlanKey(
        database=str(target["database"]),
        system_identifier=target["system_identifier"],
        current=tuple(map(str, content["current"])),
        goal=tuple(map(str, content["goal"])),
        catalog=str(content["catalog"]),
        files=tuple((str(step["revision"]), str(step["sha256"])) for step in content["steps"]),
        policy=_policy(content["policy"]),
    )


def _policy(limits: Any) -> LockPolicy:
    return LockPolicy(
        stall=float(limits["stall"]),
        longest_stall=float(limits["longest_stall"]),
        deadline=float(limits["deadline"]),
        cancels=Blockers(limits["cancel_blockers"]),
    )
