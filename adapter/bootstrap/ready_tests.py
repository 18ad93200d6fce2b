"""Wiring of the tests that the pytest plugin adds to a project."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from adapter.bootstrap.project import ProjectRequest, revision_databases

if TYPE_CHECKING:
    from application.migration.ready_tests import ReadyTests
    from application.migration.verify import VerifyRevisions


@contextmanager
def ready_tests(request: ProjectRequest) -> "Iterator[ReadyTests]":
    """Open a sandbox for the tests of a project and yield the tests.

    Args:
        request: The project and the sandbox; each table of a round trip gets its `rows`.
    """
    with revision_databases(request) as databases:
        from adapter.outbound.migration.trial.certificate_file import Unkept
        from adapter.outbound.migration.trial.project_databases import SandboxProjectDatabases
        from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
        from adapter.outbound.migration.trial.trials import SandboxTrials
        from application.migration.ready_tests import ReadyTests
        from application.migration.verify import VerifyRevisions

        @contextmanager
        def open_verification() -> "Iterator[VerifyRevisions]":
            with closing(SandboxTrials(databases, keeps_before=True)) as trials:
                yield VerifyRevisions(trials, ListedRevisionFiles(databases), Unkept())

        yield ReadyTests(SandboxProjectDatabases(databases), open_verification)
