"""Hands on what a project prints while it runs.

Little is imported here, because the project's process starts before the rest is imported.
"""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from adapter.outbound.postgres.redaction import redact

_LAST_OUTPUT = 2.0  # seconds to wait for output of processes that the project has left behind
_LINE_END = re.compile(rb"(?<=[\r\n])")


@contextmanager
def handed_on(write: Callable[[str], object]) -> Iterator[int]:
    """Yield a file descriptor for output, and hand each line that is written there on, without passwords.

    Args:
        write: Receives the lines with their ends; called in another thread.
    """
    reading, writing = os.pipe()
    thread = threading.Thread(target=_hand_on, args=(reading, write), daemon=True)
    thread.start()
    try:
        yield writing
    finally:
        os.close(writing)
        thread.join(_LAST_OUTPUT)


def write_to_stderr(text: str) -> None:
    """Write a text to stderr at once; where nobody reads it any more, it is lost."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _hand_on(reading: int, write: Callable[[str], object]) -> None:
    unfinished = b""
    with os.fdopen(reading, "rb", buffering=0) as output:
        while chunk := output.read(1 << 16):
            *lines, unfinished = _LINE_END.split(unfinished + chunk)
            for line in lines:
                write(redact(line.decode(errors="replace")))
    if unfinished:
        write(redact(unfinished.decode(errors="replace")) + "\n")
