"""`migrate status`: show the state of the database compared with the code, in one screen."""

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
    """The output formats."""

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
    form: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.TEXT,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Exit with 1 if a revision is pending, an index is invalid, or the models differ."
        ),
    ] = False,
    url: options.URL = None,
) -> None:
    """Show the current revision, the head, pending revisions, pgvector, invalid indexes and drift.

    The database is only read. The revisions and models of another project are run in a sandbox to compare them with it.
    """
    from adapter.bootstrap.status import project_status

    state = project_status(project, url)
    if form is Format.JSON:
        typer.echo(json.dumps(asdict(state) | {"problems": state.problems}, indent=2))
    else:
        print_status(state)
    if check and state.problems:
        raise typer.Exit(1)


def print_status(state: "DatabaseStatus") -> None:
    """Print a status in one screen."""
    from adapter.inbound.cli.called import reachable_here

    at_head = set(state.heads) == set(state.current)
    heads_label = "heads" if len(state.heads) > 1 else "head"
    rows = [
        ("database", f"{state.database}  (Postgres {state.postgres})"),
        (
            "current",
            ", ".join(state.current) + (f" ({heads_label})" if at_head else "") if state.current else "nothing yet",
        ),
        (heads_label, ", ".join(state.heads) or "no revision yet"),
        ("pending", _pending(state)),
        ("pgvector", _extension(state)),
        ("invalid", ", ".join(state.invalid_indexes) or "no invalid index"),
        ("drift", _drift(state)),
    ]
    for name, value in rows:
        typer.echo(f"{typer.style(f'{name:<9}', bold=True)} {value}")
    for problem in state.problems:
        typer.secho(f"{'! ':>9} {reachable_here(problem)}", fg=typer.colors.YELLOW)


def print_next() -> None:
    """Print commands to try next, each as the shell finds it."""
    from adapter.bootstrap.errors import reachable
    from adapter.inbound.cli.backend._try_next import TRY_NEXT

    commands = {reachable(command): purpose for command, purpose in TRY_NEXT.items()}
    width = max(map(len, commands))
    typer.echo("\nTry next:")
    for command, purpose in commands.items():
        typer.echo(f"  {command:<{width}} {purpose}")


def _pending(state: "DatabaseStatus") -> str:
    if not state.pending:
        return "nothing"
    lines = [f"{revision.revision}  {revision.message}" for revision in state.pending]
    return f"\n{'':10}".join(lines)


def _extension(state: "DatabaseStatus") -> str:
    if state.extension is None:
        return "not created" if state.extension_available else "not on this server"
    is_newer_available = state.extension_available not in {None, state.extension}
    return state.extension + (f" ({state.extension_available} is on the server)" if is_newer_available else "")


def _drift(state: "DatabaseStatus") -> str:
    if state.drift is None:
        return state.drift_unknown or "known when the database is at head"
    if state.has_models:
        return f"\n{'':10}".join(state.drift) or "none: models and database agree"
    compared = state.drift or ("none: revisions and database agree",)
    return f"\n{'':10}".join((*compared, "there are no models to compare: env.py has no target_metadata"))
