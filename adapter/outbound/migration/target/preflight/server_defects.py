"""Versions of the server with known defects in what the plan does."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "server-defects"
TITLE = "the server has no known defect in what the plan does"
REMEDY = "read server_version_num"
# Release notes of 14.4: CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY could damage indexes since 14.0.
_CORRUPTING = range(140000, 140004)


def check(subject: Subject) -> Iterator[Finding]:
    """Report a concurrent build on a version whose concurrent builds damage indexes."""
    builds = subject.plan is not None and any(part.concurrent for step in subject.plan.steps for part in step.parts)
    version = subject.connection.info.server_version
    if builds and version in _CORRUPTING:
        yield Finding(
            CODE,
            Outcome.FAILED,
            f"on Postgres {version // 10000}.{version % 10000}, a concurrent build can leave a damaged index",
            "install 14.4 or newer, then REINDEX what was built concurrently",
        )
