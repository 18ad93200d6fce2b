"""The script of `alembic upgrade head --sql`, with the timeouts of an online upgrade."""

from typing import TextIO

from adapter.outbound.database.upgrade.options import MigrationOptions
from adapter.outbound.database.upgrade.session import APPLICATION_NAME, is_concurrent_build


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
