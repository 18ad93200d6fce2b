"""Shared parts of the commands: the session with the backend, and the output formats."""

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
    """The output formats."""

    TEXT = "text"
    JSON = "json"


def perform(context: typer.Context, action: "Callable[[Backend], Awaitable[T]]") -> T:
    """Run an action with the backend on behalf of the actor, and return its result."""
    from adapter.bootstrap.backend import open_backend

    async def run_connected() -> T:
        async with open_backend(context.obj) as backend:
            if backend.warning:
                typer.secho(f"warning: {backend.warning}", fg=typer.colors.YELLOW, err=True)
            return await action(backend)

    return asyncio.run(run_connected())


def print_json(value: object) -> None:
    """Print a value as JSON; decimals, times and UUIDs become text."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def progress_bar() -> "Progress":
    """Return a progress bar on stderr, which is only visible on a terminal."""
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
