"""`migrate verify`: prove that each revision can be undone and repeated, and that old code works after it."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_name, checked_range
from adapter.inbound.cli.progress import Progress

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest

app = typer.Typer()


EXAMPLES = (
    "Examples: migrate verify · migrate verify head-2:head --only round-trip,compat · "
    "migrate verify base:heads --pg 16 --format junit > verify.xml"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_VERIFY)
def verify(
    project: "ProjectRequest",
    revisions: Annotated[
        str,
        typer.Argument(
            metavar="[RANGE]", callback=checked_range, help="A range from:to (from itself is excluded), or a revision."
        ),
    ] = "base:heads",
    only: Annotated[
        str, typer.Option(metavar="PROOFS", help="Only these proofs, of round-trip, repeat and compat.")
    ] = ("round-trip,repeat,compat"),
    statements: Annotated[
        Path | None, typer.Option(help="A file of migrate record, whose statements are tried as old code, too.")
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(
            callback=checked_name, help="The file to write the proofs into. Default: certificates.json beside env.py."
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Prove all revisions again, also those whose certificate is valid.")
    ] = False,
    target_url: Annotated[
        str | None,
        typer.Option(
            help="The database to be migrated, which is only read. Revisions run under its settings. Fail if a "
            "revision has changed since it was proved and applied there."
        ),
    ] = None,
    stats: Annotated[Path | None, typer.Option(help="Take the settings from a file that migrate stats wrote.")] = None,
    form: Annotated[str, options.report_format("verification")] = "text",
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Show everything that was proved, and errors that new code may meet."),
    ] = False,
) -> None:
    """Run revisions up, down and up again in a sandbox, kill them at every statement, and try old code on them.

    The proofs are written into a file, so that only new and changed revisions are proved the next time. On Linux, the
    kernel lets env.py and the revisions connect to the sandbox and to nothing else. docs/isolation.md lists what is
    guaranteed on which system.
    """
    from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions

    options.require_one_target(target_url, stats)
    verification = VerificationRequest(revisions, only, certificates, target_url, again=again, statistics=stats)
    with Progress() as progress:
        report = verify_revisions(replace(project, statements=statements), verification, progress)
    color = sys.stdout.isatty() and form == "text"
    typer.echo(render_verification(report, form, project.config, verbose=verbose, color=color))
    if report.failed:
        raise typer.Exit(1)
