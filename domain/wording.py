"""Readable messages: no longer than a screen, and without parts that differ from run to run."""

import re

MOST_LETTERS = 2000
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]{4,}")


def readable(text: str) -> str:
    """Return a message without memory addresses; of a long message, its beginning and its end.

    Python shows some objects as `<Column object at 0x7f3a…>`, with another address in each run.
    """
    text = _ADDRESS.sub("", text)
    if len(text) <= MOST_LETTERS:
        return text
    ellipsis = f" … ({len(text) - MOST_LETTERS + 100:,} characters left out) … "
    end = (MOST_LETTERS - 100) // 4
    return f"{text[: MOST_LETTERS - 100 - end]}{ellipsis}{text[-end:]}"
