"""`migrate backup`: copy a database before a deployment, and prove that the copy restores."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options
from adapter.inbound.cli.group import checked_name
from adapter.inbound.cli.progress import Progress

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest
    from domain.migration.deployment.backup import Backup

app = typer.Typer()


class Scope(StrEnum):
    """What a backup contains."""

    SCHEMA = "schema"
    TOUCHED = "touched"
    FULL = "full"
    COMMAND = "command"


EXAMPLES = (
    "Examples: migrate backup --to backups · migrate backup --backup full --to /srv/backups --keep 3 --verify-backup · "
    "migrate backup --backup command --command 'snapshot.sh prod' --to backups · "
    "migrate backup -c ../shop/alembic.ini --url postgresql://owner@db.example.com/shop --to backups"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=options.ROWS_TO_ANALYZE)
def backup(
    project: "ProjectRequest",
    to: Annotated[Path, typer.Option(callback=checked_name, help="The folder of backups, made for its owner only.")],
    goal: options.Goal = "heads",
    scope: Annotated[
        Scope,
        typer.Option(
            "--backup",
            help="schema: no rows. touched: the rows of tables that the upgrade rewrites, updates, deletes from or "
            "drops. full: all rows. command: what --command makes.",
        ),
    ] = Scope.TOUCHED,
    url: options.URL = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Keep so many backups of this database, and remove older ones.")
    ] = None,
    verify_backup: Annotated[
        bool, typer.Option("--verify-backup", help="Restore it on an embedded server, and compare schema and values.")
    ] = False,
    verify_at: Annotated[
        str | None, typer.Option(help="A server to restore it on in place of the embedded one, in a new database.")
    ] = None,
    command: Annotated[
        str, typer.Option(help="Your own program with its arguments, for --backup command. No shell reads it.")
    ] = "",
    certificates: options.Certificates = None,
) -> None:
    """Copy a database with the pg_dump of its version, with checksums and row counts, and show where the copy is.

    The database is only read. The copy is written aside and named when it is complete, so nothing half is left.
    """
    from adapter.bootstrap.backup import BackupRequest, take_backup
    from adapter.bootstrap.plan import PlanRequest
    from domain.migration.deployment.backup import BackupScope

    request = BackupRequest(BackupScope(scope.value), to, keep, verify_backup, verify_at, command)
    with Progress() as progress:
        taken = take_backup(project, PlanRequest(goal, url, certificates, options.ROWS_TO_VERIFY), request, progress)
    if taken is not None:
        _print(taken)


def _print(taken: "Backup") -> None:
    manifest = taken.manifest
    rows = sum(manifest.tables.values())
    typer.echo(
        f"{taken.path}: {manifest.scope.value}, {rows:,} rows of {len(manifest.tables):,} tables ({manifest.tool})"
    )
    if manifest.whole:
        typer.echo(f"all rows, because {manifest.whole}")
    if manifest.verified:
        typer.echo(manifest.verified)
    for path in taken.removed:
        typer.echo(f"removed: {path}")
    if manifest.output:
        typer.echo(manifest.output.rstrip("\n"))
    else:
        typer.echo(f"to restore it into a new database: migrate restore {taken.path}")
