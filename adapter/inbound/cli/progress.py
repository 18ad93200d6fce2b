"""The progress of a long command on a terminal."""

import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar


class Progress:
    """A progress bar on stderr, which is only shown on a terminal."""

    def __init__(self) -> None:
        """Check whether stderr is a terminal; programs read stdout, in any format."""
        self._is_terminal = sys.stderr.isatty()
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._is_terminal:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("preparing the sandbox", total=None)
        return self

    def __call__(self, done: int, total: int, entry: object) -> None:
        """Show the next revision, or whatever has a name."""
        if self._bar:
            label = (
                entry if isinstance(entry, str) else f"{getattr(entry, 'revision', '')} {getattr(entry, 'message', '')}"
            )
            self._bar.update(self._task, completed=done, total=total, description=label)

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        if self._bar:
            self._bar.stop()
