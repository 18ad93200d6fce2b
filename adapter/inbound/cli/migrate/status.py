"""`migrate status`: where the database stands beside the code, in one screen."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.inbound.cli import options

if TYPE_CHECKING:
    from adapter.bootstrap.project import ProjectRequest
    from domain.migration.status import DatabaseStatus

app = typer.Typer()


class Format(StrEnum):
    """Output formats."""

    TEXT = "text"
    JSON = "json"


EXAMPLES = (
    "Examples: migrate status --check && deploy · "
    "migrate status -c other/alembic.ini --url postgresql://reader@db.example.com/shop"
)


@app.command(epilog=EXAMPLES)
@options.takes_project(rows=0)
def status(
    project: "ProjectRequest",
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.TEXT,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when something is pending, invalid or different.")
    ] = False,
    url: Annotated[str | None, typer.Option(help="The database, in place of DATABASE_URL.")] = None,
) -> None:
    """Show current revision, head, what is pending, pgvector, invalid indexes and drift.

    The database is only read. Revisions and models of another project run in a sandbox, to be compared with it.
    """
    from adapter.bootstrap.status import project_status

    found = project_status(project, url)
    if form is Format.JSON:
        typer.echo(json.dumps(asdict(found) | {"problems": found.problems}, indent=2))
    else:
        print_status(found)
    if check and found.problems:
        raise typer.Exit(1)


def print_status(found: "DatabaseStatus") -> None:
    """Show a status in one screen."""
    from adapter.bootstrap.errors import reachable

    at_head = set(found.heads) == set(found.current)
    several = "heads" if len(found.heads) > 1 else "head"
    rows = [
        ("database", f"{found.database}  (Postgres {found.postgres})"),
        (
            "current",
            ", ".join(found.current) + (f" ({several})" if at_head else "") if found.current else "nothing yet",
        ),
        (several, ", ".join(found.heads) or "no revision yet"),
        ("pending", _pending(found)),
        ("pgvector", _extension(found)),
        ("invalid", ", ".join(found.invalid_indexes) or "no invalid index"),
        ("drift", _drift(found)),
    ]
    for name, value in rows:
        typer.echo(f"{typer.style(f'{name:<9}', bold=True)} {value}")
    for problem in found.problems:
        typer.secho(f"{'! ':>9} {reachable(problem)}", fg=typer.colors.YELLOW)


def print_next() -> None:
    """Show what to try next, each command as the shell finds it."""
    from adapter.bootstrap.errors import reachable
    from adapter.inbound.cli.backend._try_next import TRY_NEXT

    commands = {reachable(command): what for command, what in TRY_NEXT.items()}
    width = max(map(len, commands))
    typer.echo("\nTry next:")
    for command, what in commands.items():
        typer.echo(f"  {command:<{width}} {what}")


def _pending(found: "DatabaseStatus") -> str:
    if not found.pending:
        return "nothing"
    lines = [f"{revision.revision}  {revision.message}" for revision in found.pending]
    return f"\n{'':10}".join(lines)


def _extension(found: "DatabaseStatus") -> str:
    if found.extension is None:
        return "not created" if found.extension_available else "not on this server"
    newer = found.extension_available not in {None, found.extension}
    return found.extension + (f" ({found.extension_available} is on the server)" if newer else "")


def _drift(found: "DatabaseStatus") -> str:
    if found.drift is None:
        return found.drift_unknown or "known when the database is at head"
    return f"\n{'':10}".join(found.drift) or "none: models and database agree"
