"""Helpers for terminal reports: width, no trailing blanks, code that can be copied."""

import io
import re
import shutil

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from adapter.outbound.postgres.redaction import redact

_LETTERS = 600  # most characters of a message that are shown without `verbose`
_PADDING = re.compile(r"[ \t]+((?:\x1b\[[0-9;]*m)*)$", re.MULTILINE)


def buffered(width: int, *, color: bool) -> tuple[Console, io.StringIO]:
    """Return a console with a width in columns, and the buffer that it writes to."""
    buffer = io.StringIO()
    return Console(file=buffer, force_terminal=color, no_color=not color, width=width, highlight=False), buffer


def shown(text: str, style: str = "") -> Text:
    """Return a text for a console, without passwords.

    Each piece is redacted by itself, before it is laid out: next to another one, the word for a secret would seem to be
    followed by that.
    """
    return Text(redact(text), style=style)


def unpadded(text: str) -> str:
    """Return a text without trailing blanks; rich pads lines to the width."""
    return _PADDING.sub(r"\1", text).rstrip("\n")


def print_code(console: Console, code: str, columns: int) -> None:
    """Print Python code, indented by a number of columns and never wrapped or cut, so that it can be copied."""
    syntax = Syntax("", "python", theme="ansi_light", background_color="default")
    highlighted = syntax.highlight(redact(code).strip("\n"))
    for line in highlighted.split("\n"):
        line.rstrip()
        console.print(Text(" " * columns if line else "") + line, soft_wrap=True)


def shortened(text: str, *, verbose: bool) -> str:
    """Return a message, with a long one cut unless `verbose`."""
    return text if verbose or len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}… (-v shows all)"


def terminal_width() -> int:
    """Return the terminal's width in columns; 120 where there is no terminal and COLUMNS is not set."""
    return shutil.get_terminal_size((120, 24)).columns
