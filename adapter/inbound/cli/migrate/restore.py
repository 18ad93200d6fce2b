"""`migrate restore`: restore a backup into a new database, and say how it takes the place of the live one."""

from pathlib import Path
from typing import Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_name
from adapter.inbound.cli.progress import Progress

app = typer.Typer()

EXAMPLES = (
    "Examples: migrate restore backups/shop-20261201T120000Z-full · "
    "migrate restore backups/shop-20261201T120000Z-full --database shop_before --no-owner "
    "--url postgresql://owner@db.example.com/postgres"
)


@app.command(epilog=EXAMPLES)
def restore(
    backup: Annotated[
        Path, typer.Argument(metavar="FILE", callback=checked_name, help="The backup's folder, or its manifest.json.")
    ],
    database: Annotated[
        str, typer.Option(callback=checked_name, help="Name of the new database. Default: NAME_restored_TIME.")
    ] = "",
    url: Annotated[
        str | None, typer.Option(help="A database of the server on which it is restored, in place of DATABASE_URL.")
    ] = None,
    no_owner: Annotated[
        bool, typer.Option("--no-owner", help="Restore no owners and privileges; everything is the role's own.")
    ] = False,
    config: options.Config = None,
) -> None:
    """Restore a backup into a new database, and print the steps with which it takes the place of the live one.

    The checksums of its files and the numbers of its rows are compared. No existing database is written to.
    """
    from adapter.bootstrap.restore import RestoreRequest, restore_backup

    with Progress() as progress:
        restored = restore_backup(RestoreRequest(backup, database, config, url, owners=not no_owner), progress)
    manifest = restored.backup.manifest
    typer.echo(
        f"restored: {restored.database}, {sum(manifest.tables.values()):,} rows of {len(manifest.tables):,} tables"
    )
    for number, step in enumerate(restored.steps, 1):
        typer.echo(f"{number}. {step}")
