"""`migrate verify`: prove that each revision can be undone and repeated, and that old code works after it."""

import sys
from dataclasses import replace
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


class Format(StrEnum):
    """The output formats."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    SARIF = "sarif"


EXAMPLES = (
    "Examples: migrate verify · migrate verify head-2:head --only round-trip,compat · "
    "migrate verify base:heads --pg 16 --format junit > verify.xml"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=200)
def verify(
    project: "ProjectRequest",
    revisions: Annotated[
        str,
        typer.Argument(
            metavar="[RANGE]", callback=checked_range, help="Revisions, as from:to with from excluded, or one revision."
        ),
    ] = "base:heads",
    only: Annotated[str, typer.Option(metavar="PROOFS", help="Which proofs: round-trip, repeat, compat.")] = (
        "round-trip,repeat,compat"
    ),
    statements: Annotated[
        Path | None, typer.Option(help="Statements of the application, from migrate record, that old code sends too.")
    ] = None,
    certificates: Annotated[
        Path | None, typer.Option(help="File of the proofs. Default: certificates.json beside env.py.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Re-verify revisions whose certificate is still valid.")
    ] = False,
    target_url: Annotated[
        str | None, typer.Option(help="A database: what it has applied must be what was proved. It is only read.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="All that was proved, and what new code meets.")
    ] = False,
) -> None:
    """Run revisions up, down and up again in a sandbox, kill them at every statement, and try old code on them.

    What was proved is written down, so that only changed revisions are proved again.
    """
    from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions

    verification = VerificationRequest(revisions, only, certificates, target_url, again=again)
    with Progress() as progress:
        report = verify_revisions(replace(project, statements=statements), verification, progress)
    color = sys.stdout.isatty() and form is Format.TEXT
    typer.echo(render_verification(report, form.value, project.config, verbose=verbose, color=color))
    if report.failed:
        raise typer.Exit(1)
