"""What the commands share: one session with the backend, and the forms of output."""

import asyncio
import enum
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

    from adapter.bootstrap.backend import Backend

T = TypeVar("T")


class Format(enum.StrEnum):
    """How a command prints what it found."""

    TEXT = "text"
    JSON = "json"


def perform(context: typer.Context, action: "Callable[[Backend], Awaitable[T]]") -> T:
    """Do something with the backend in the name of the acting person."""
    from adapter.bootstrap.backend import open_backend

    async def connected() -> T:
        async with open_backend(context.obj) as backend:
            if backend.warning:
                typer.secho(f"warning: {backend.warning}", fg=typer.colors.YELLOW, err=True)
            return await action(backend)

    return asyncio.run(connected())


def print_json(value: object) -> None:
    """Print a value as JSON; decimals, moments and identities become text."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def progress_bar() -> "Progress":
    """Return a progress bar on standard error, which shows on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
