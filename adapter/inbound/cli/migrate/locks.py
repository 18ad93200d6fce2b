"""`migrate locks`: measure the lock catalog."""

from pathlib import Path
from typing import Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_name

app = typer.Typer()


@app.command("catalogue", hidden=True)  # the former name, until the next release
@app.command(epilog="Examples: migrate locks --check · migrate locks --pg 18 --output locks.md")
def locks(
    output: Annotated[Path, typer.Option(callback=checked_name, help="The page to write or to check.")] = Path(
        "docs/locks.md"
    ),
    pg: options.Major = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing. Exit with 1 if the page and Postgres disagree.")
    ] = False,
) -> None:
    """Write a page of the locks, rewrites, scans and index builds that Postgres reports for some 200 operations.

    Each available major version of the embedded Postgres is measured. Where they differ, the page shows both.
    """
    from adapter.bootstrap.locks import check_lock_catalog, measure_lock_catalog, write_lock_catalog

    if check and not output.is_file():
        raise typer.BadParameter(f"there is no page {output}: write it with migrate locks, without --check")
    rows = measure_lock_catalog(pg)
    if not check:
        write_lock_catalog(output, rows)
        typer.echo(f"{output}: {len(rows)} operations")
        return
    disagreements = check_lock_catalog(output, rows)
    for line in disagreements:
        typer.echo(line)
    if disagreements:
        typer.echo(f"{output} and Postgres disagree: review the page, then rewrite it with: migrate locks", err=True)
        raise typer.Exit(1)
    typer.echo(f"{output}: {len(rows)} operations, as Postgres does them")
