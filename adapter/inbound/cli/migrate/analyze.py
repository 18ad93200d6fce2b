"""`migrate analyze`: report what a revision does, as Postgres itself reports it."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_range
from adapter.inbound.cli.progress import Progress

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest

app = typer.Typer()


class FailOn(StrEnum):
    """The severity with which the command exits with 1."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"


EXAMPLES = (
    "Examples: migrate analyze · migrate analyze head-3:head -v · migrate analyze alembic/versions/*.py · "
    "migrate analyze --target-url postgresql://reader@db/shop · "
    "migrate analyze -c ../shop/alembic.ini base:head --format json > analysis.json"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
def analyze(
    project: "ProjectRequest",
    revisions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RANGE|FILE]...",
            callback=checked_range,
            help="A range from:to (from itself is excluded), a revision, or files of revisions. "
            "Default: the revisions that the target has not applied; without a target, the newest one.",
        ),
    ] = None,
    target_url: Annotated[
        str | None,
        typer.Option(
            help="The database to be migrated. The sizes of its tables decide what takes long. It is only read."
        ),
    ] = None,
    stats: Annotated[
        Path | None, typer.Option(help="A file that migrate stats wrote, in place of --target-url.")
    ] = None,
    observed: Annotated[
        Path | None,
        typer.Option(help="The log of an upgrade of the target, to compare its durations with the estimates."),
    ] = None,
    form: Annotated[str, options.report_format("analysis")] = "text",
    fail_on: Annotated[FailOn, typer.Option(help="Exit with 1 on diagnostics of this severity or worse.")] = (
        FailOn.ERROR
    ),
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show statements, notes and corrected revisions, too.")
    ] = False,
) -> None:
    """Run revisions on a throw-away Postgres, and report the locks, rewrites and scans that Postgres reported.

    The project's own database is not touched. On Linux, the kernel lets env.py and the revisions connect to the sandbox
    and to nothing else. docs/isolation.md lists what is guaranteed on which system.
    """
    from adapter.bootstrap.analyze import TargetRequest, analyze_revisions, render_analysis
    from domain.migration.diagnostic import Severity

    options.require_one_target(target_url, stats)
    with Progress() as progress:
        target = TargetRequest(target_url, stats, observed)
        report = analyze_revisions(project, _absolute(revisions or ()), target, progress)
    color = sys.stdout.isatty() and form == "text"
    typer.echo(render_analysis(report, form, project.config, verbose=verbose, color=color))
    if fail_on is not FailOn.NEVER and report.fails_on(Severity(fail_on.value)):
        raise typer.Exit(1)


def _absolute(revisions: Sequence[str]) -> list[str]:
    """Return ranges unchanged, and files of revisions with the absolute path that Alembic has."""
    return [str(Path(name).resolve()) if name.endswith(".py") else name for name in revisions]
