"""The script of `alembic upgrade head --sql`, with the timeouts of an online upgrade."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from adapter.outbound.database.upgrade.options import MigrationOptions
from adapter.outbound.database.upgrade.session import APPLICATION_NAME, is_concurrent_build
from adapter.outbound.postgres.full_disk import describe_os_error

_FAILED = 255  # Alembic's exit code


@contextmanager
def script_written(stream: TextIO) -> Iterator[None]:
    """End a command whose script cannot be written: with two lines on a full disk, in silence where nobody reads it.

    Args:
        stream: Where the script goes.

    Raises:
        OSError: The stream is not the standard output, so that a caller handles the error.
        SystemExit: The script has no end.
    """
    try:
        yield
    except OSError as error:
        explained = describe_os_error(error)
        is_unread = isinstance(error, BrokenPipeError)  # `head` has what it wanted
        if stream is not sys.stdout or not (explained or is_unread):
            raise
        # Alembic prints errors on the standard output, and Python flushes what is left for it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if is_unread:
            sys.exit(1)
        sys.stderr.write(f"FAILED: {explained}\n")
        sys.exit(_FAILED)


class ScriptWriter:
    """A text stream that adds session settings at the top of the script and around concurrent index builds."""

    def __init__(self, stream: TextIO, options: MigrationOptions) -> None:
        """Write the settings at the top of the script."""
        self._stream = stream
        self._options = options
        stream.write(
            "\\set ON_ERROR_STOP on\n"
            f"SET application_name = '{APPLICATION_NAME}';\n"
            f"SET search_path = {options.search_path};\n"
            f"SET lock_timeout = '{options.lock_timeout}';\n\n"
        )

    def write(self, text: str) -> int:
        """Write a statement, with its own lock timeout if it is a concurrent index build."""
        if is_concurrent_build(text):
            text = (
                f"SET lock_timeout = '{self._options.concurrent_lock_timeout}';\n\n{text}"
                f"SET lock_timeout = '{self._options.lock_timeout}';\n\n"
            )
        return self._stream.write(text)

    def flush(self) -> None:
        """Flush the underlying stream."""
        self._stream.flush()
