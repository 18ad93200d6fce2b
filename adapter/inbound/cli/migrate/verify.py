"""`migrate verify`: proof that each revision can be undone, repeated, and lived with."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_range
from adapter.inbound.cli.progress import Progress

app = typer.Typer()


class Format(StrEnum):
    """Output formats."""

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
def verify(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="[RANGE]", callback=checked_range, help="Revisions, as from:to with from excluded, or one revision."
        ),
    ] = "base:heads",
    config: options.Config = None,
    name: options.Name = "alembic",
    pg: options.Major = None,
    sandbox_url: options.SandboxURL = None,
    rows: options.Rows = 200,
    rows_from: options.RowsFrom = None,
    setup: options.SetUp = None,
    env: options.Env = None,
    x: options.X = None,
    python: options.Python = None,
    statement_timeout: options.StatementTimeout = 60,
    jobs: options.Jobs = None,
    no_isolation: options.NoIsolation = False,
    allow_network: options.AllowNetwork = False,
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
    from adapter.bootstrap.project import ProjectRequest
    from adapter.bootstrap.verify import VerificationRequest, render_verification, verify_revisions

    options.warn_of_open_walls(no_isolation=no_isolation, allow_network=allow_network)
    request = ProjectRequest(
        config=config,
        name=name,
        major=pg,
        sandbox_url=sandbox_url,
        rows=rows,
        statement_timeout=statement_timeout,
        python=python,
        setup=setup,
        rows_from=rows_from,
        environment=tuple(env or ()),
        x_arguments=tuple(x or ()),
        jobs=jobs,
        isolated=not no_isolation,
        network=allow_network,
        statements=statements,
    )
    asked = VerificationRequest(wanted, only, certificates, target_url, again=again)
    with Progress() as progress:
        report = verify_revisions(request, asked, progress)
    color = sys.stdout.isatty() and form is Format.TEXT
    typer.echo(render_verification(report, form.value, config, verbose=verbose, color=color))
    if report.failed:
        raise typer.Exit(1)
