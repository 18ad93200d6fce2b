"""What reports for a terminal have in common: its width, nothing behind the end of a line, code that can be copied."""

import io
import re
import shutil

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

_LETTERS = 600  # of one message that are shown without `verbose`
_PADDING = re.compile(r"[ \t]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


def buffered(width: int, *, color: bool) -> tuple[Console, io.StringIO]:
    """Return a console of a width in columns, and the buffer that it writes to."""
    buffer = io.StringIO()
    return Console(file=buffer, force_terminal=color, no_color=not color, width=width, highlight=False), buffer


def unpadded(text: str) -> str:
    """Return a text without blanks at the ends of its lines, which rich pads to the width."""
    return _PADDING.sub(r"\1", text).rstrip("\n")


def print_code(console: Console, code: str, columns: int) -> None:
    """Print Python, so many columns to the right; not wrapped nor cut, so that it can be copied."""
    shown = Syntax("", "python", theme="ansi_light", background_color="default").highlight(code.strip("\n"))
    for line in shown.split("\n"):
        line.rstrip()
        console.print(Text(" " * columns if line else "") + line, soft_wrap=True)


def shortened(text: str, *, verbose: bool) -> str:
    """Return a message, of a long one its beginning unless everything is wanted."""
    return text if verbose or len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}… (-v shows all)"


def terminal_width() -> int:
    """Return the columns of the terminal; 120 where the output goes elsewhere and COLUMNS is not set."""
    return shutil.get_terminal_size((120, 24)).columns
