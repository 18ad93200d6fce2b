"""Wiring of `migrate record`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def record_statements(command: "Sequence[str]", output: "Path", *, append: bool, values: bool) -> tuple[int, int]:
    """Run a command and write the statements that it sends to a file.

    Args:
        command: The command and its arguments.
        output: The file.
        append: Whether the statements in the file are kept.
        values: Whether the file contains example values of the statements.

    Returns:
        The exit code of the command, and the number of statements in the file.

    Raises:
        DatabaseConfigurationError: The command cannot be started.
        StatementsError: The file cannot be read or written.
    """
    from adapter.outbound.migration.traffic.recorder import record_into

    return record_into(output, command, append=append, values=values)
