"""The command `migrate analyze` on a project."""

from typing import Any

import pytest

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from application.migration.analyze import AnalysisReport
from tests.conftest import Server
from tests.history import History
from tests.integration.analyze.projects import Analyze


@pytest.fixture
def analyze(server: Server, history: History) -> Analyze:
    """The use case, on a sandbox of the tests' server."""

    def run(wanted: str | None = "heads", target: TargetRequest | None = None, **request: Any) -> AnalysisReport:
        config = request.pop("config", None) or history.folder.parent / "alembic.ini"
        asked = ProjectRequest(
            config=config, **{"sandbox_url": server.url(), "any_role": True, "rows": 1200, **request}
        )
        return analyze_revisions(asked, wanted, target or TargetRequest(), lambda *_: None)

    return run
