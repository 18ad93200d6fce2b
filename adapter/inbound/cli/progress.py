"""Progress of long work, on a terminal."""

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """A progress bar on stderr, and nothing where that is no terminal."""

    def __init__(self) -> None:
        """Look where stderr goes: what programs read goes to stdout, whatever its format."""
        self._wanted = sys.stderr.isatty()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        """Show it."""
        if self._wanted:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("preparing the sandbox", total=None)
        return self

    def __call__(self, done: int, total: int, entry: object) -> None:
        """Say what comes next: a revision."""
        if self._bar:
            label = f"{getattr(entry, 'revision', '')} {getattr(entry, 'message', '')}"
            self._bar.update(self._task, completed=done, total=total, description=label)

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        if self._bar:
            self._bar.stop()
