"""Jobs of the agent, and what they have done."""

from pathlib import Path

from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentResult, AgentRun


def job(config: Path, url: str, command: str = "upgrade", revision: str = "head") -> AgentJob:
    """Return a job on a database."""
    return AgentJob(config, Connection.parse(url), command, revision, environment={"DATABASE_URL": ""})


def names(relations: tuple[str, ...] | list[str]) -> list[str]:
    """Write out relations of the schema public."""
    return sorted(f"public.{name}" for name in relations)


def run_of(result: AgentResult, revision: str = "") -> AgentRun:
    """Return the only function that ran, of a revision where it is named."""
    (run,) = (one for one in result.runs if revision in {"", one.revision})
    return run
