"""The use cases of `migrate analyze` and `migrate verify`, on a sandbox of the tests' server."""

from pathlib import Path

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from adapter.bootstrap.verify import VerificationRequest, verify_revisions
from application.migration.analyze import AnalysisReport
from application.migration.verify import VerificationReport
from domain.migration.analysis.revision_analysis import RevisionAnalysis
from tests.conftest import Server
from tests.history import History


def analyzed(
    server: Server, config: Path, wanted: str, *, rows: int, target: TargetRequest | None = None
) -> AnalysisReport:
    """Analyze revisions of a project whose tables get some rows; any role of the server will do."""
    request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=rows)
    return analyze_revisions(request, wanted, target or TargetRequest(), lambda *_: None)


def analyzed_change(server: Server, history: History, made: str, change: str, *, rows: int) -> RevisionAnalysis:
    """Analyze SQL in a revision behind one that has made the tables; the project has the plainest env.py.

    Args:
        server: The tests' server.
        history: An empty history.
        made: SQL of the revision before.
        change: SQL of the revision.
        rows: Rows in each table.
    """
    history.add("made", None, f"op.execute({made!r})")
    history.add("changed", "made", f"op.execute({change!r})")
    (analysis,) = analyzed(server, history.plain_ini(), "changed", rows=rows).revisions
    return analysis


def verified(server: Server, config: Path, asked: VerificationRequest, *, rows: int) -> VerificationReport:
    """Verify revisions of a project whose tables get some rows; any role of the server will do."""
    request = ProjectRequest(config=config, sandbox_url=server.url(), any_role=True, rows=rows)
    return verify_revisions(request, asked, lambda *_: None)
