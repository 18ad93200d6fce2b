"""`migrate analyze`: what Postgres itself says a revision does."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import typer

app = typer.Typer()


class Format(StrEnum):
    """Output formats."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    GITHUB = "github"


class FailOn(StrEnum):
    """What makes the command exit with 1."""

    ERROR = "error"
    WARNING = "warning"
    NEVER = "never"


EXAMPLES = (
    "Examples: migrate analyze · migrate analyze head-3:head -v · "
    "migrate analyze -c ../shop/alembic.ini base:head --format json > analysis.json"
)


@app.command(epilog=EXAMPLES)
def analyze(
    wanted: Annotated[
        str, typer.Argument(metavar="[RANGE]", help="Revisions, as from:to with from excluded, or one revision.")
    ] = "head",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="alembic.ini or pyproject.toml of the project.")
    ] = None,
    pg: Annotated[int | None, typer.Option("--pg", metavar="16|18", help="Major version of the sandbox.")] = None,
    sandbox_url: Annotated[
        str | None, typer.Option(help="A server for the sandbox; databases are created there and dropped again.")
    ] = None,
    rows: Annotated[int, typer.Option(help="Rows that each table is filled with.", min=0)] = 2000,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    fail_on: Annotated[FailOn, typer.Option(help="Exit with 1 on diagnostics of this severity or worse.")] = (
        FailOn.ERROR
    ),
    statement_timeout: Annotated[int, typer.Option(help="Seconds that one statement may take.", min=1)] = 60,
    python: Annotated[
        Path | None, typer.Option(help="The Python of the project, when it has an environment of its own.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Statements, notes, corrected revisions.")] = False,
) -> None:
    """Run revisions on a throw-away Postgres and report locks, rewrites and scans, as Postgres reported them.

    The project's database is not touched: every connection of its env.py goes to the sandbox.
    """
    from adapter import bootstrap

    request = bootstrap.AnalysisRequest(config, pg, sandbox_url, rows, statement_timeout, python)
    with _progress(form is Format.TEXT) as progress:
        report = bootstrap.analyze(request, wanted, progress)
    color = sys.stdout.isatty() and form is Format.TEXT
    typer.echo(bootstrap.render_analysis(report, form.value, verbose=verbose, color=color))
    if fail_on is not FailOn.NEVER and bootstrap.analysis_fails(report, fail_on.value):
        raise typer.Exit(1)


class _progress:  # noqa: N801 - reads as a statement
    """A progress bar on stderr, on terminals only."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted and sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._wanted:
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("preparing the sandbox", total=None)
        return self

    def __call__(self, done: int, total: int, entry: object) -> None:
        if self._wanted:
            label = f"{getattr(entry, 'revision', '')} {getattr(entry, 'message', '')}"
            self._bar.update(self._task, completed=done, total=total, description=label)

    def __exit__(self, *_: object) -> None:
        if self._wanted:
            self._bar.stop()
