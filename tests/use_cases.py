"""The use cases of `migrate analyze` and `migrate verify`, on a sandbox of the tests' server."""

from pathlib import Path

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from application.migration.analyze import AnalysisReport
from application.migration.verify import VerificationReport
from tests.conftest import Server


def analyzed(
    server: Server, config: Path, wanted: str, *, rows: int, target: TargetRequest | None = None
) -> AnalysisReport:
    """Analyze revisions of a project whose tables get some rows; any role of the server will do."""
    request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=rows)
    return analyze_revisions(request, wanted, target or TargetRequest(), lambda *_: None)


def verified(server: Server, config: Path, asked: VerificationRequest, *, rows: int) -> VerificationReport:
    """Verify revisions of a project whose tables get some rows; any role of the server will do."""
    request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=rows)
    return verify_revisions(request, asked, lambda *_: None)
