"""What makes a sentence fit to be read: no longer than a screen, and without what differs from run to run."""

import re

MOST_LETTERS = 2000
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]{4,}")


def readable(text: str) -> str:
    """Return a message without addresses of objects; of a long one, its beginning and its end.

    Objects of Python that have no name of their own are shown as `<Column object at 0x7f3a…>`, another one each time.
    """
    text = _ADDRESS.sub("", text)
    if len(text) <= MOST_LETTERS:
        return text
    left_out = f" … ({len(text) - MOST_LETTERS + 100:,} characters left out) … "
    end = (MOST_LETTERS - 100) // 4
    return f"{text[: MOST_LETTERS - 100 - end]}{left_out}{text[-end:]}"
