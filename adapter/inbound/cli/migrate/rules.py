"""`migrate rules`: explain each rule and check, with a bad and a good revision."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_name

app = typer.Typer()


EXAMPLES = (
    "Examples: migrate rules · migrate rules blocking-index-build · migrate rules --format json · "
    "migrate rules --output docs/rules.md --check"
)


@app.command(epilog=EXAMPLES)
def rules(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="The code of a rule or check, as reports show it.")
    ] = None,
    form: Annotated[str, options.report_format("rules")] = "text",
    output: Annotated[
        Path | None, typer.Option(callback=checked_name, help="Write the page of all rules and checks into this file.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing. Exit with 1 if that file is out of date.")
    ] = False,
) -> None:
    """Show what a rule of analyze or a check of verify means, why it matters, and what to write instead."""
    from adapter.bootstrap.rules import is_current, render_rules, write_rules

    if output is None:
        color = sys.stdout.isatty() and form == "text"
        typer.echo(render_rules(code, form, color=color).rstrip("\n"))
        return
    if not check:
        typer.echo(f"{output}: {write_rules(output)} rules and checks")
        return
    if not output.is_file():
        raise typer.BadParameter(f"there is no page {output}: write it with migrate rules --output {output}")
    if not is_current(output):
        typer.echo(f"{output} is out of date; rewrite it with: migrate rules --output {output}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{output} is up to date")
