"""Jobs of the agent for tests of its parts."""

from typing import Any

from adapter.outbound.migration.project.agent.protocol import Command, Job


def agent_job(**fields: Any) -> Job:
    """Return an upgrade to the head; `fields` replace those of the job."""
    usual: dict[str, Any] = {
        "config": "/alembic.ini",
        "name": "alembic",
        "address": {"host": "/tmp", "port": 5432, "user": "postgres", "password": None, "dbname": "sandbox"},  # noqa: S108
        "cwd": "/",
        "command": Command.UPGRADE,
        "revision": "head",
        "trace": True,
        "environment": {},
        "x_arguments": [],
        "statement_timeout_ms": 0,
        "kill_after": 0,
        "settings": {},
        "goes_on": False,
        "steps": [],
        "target": {},
        "comparison": "",
        "is_named": True,
        "token": "5e" * 16,
        "events": 3,
        "answers": 4,
    }
    return Job(**{**usual, **fields})
