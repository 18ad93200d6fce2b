"""Wiring of `migrate record`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def record_statements(command: "Sequence[str]", output: "Path", *, append: bool, values: bool) -> tuple[int, int]:
    """Run a command and write down the statements that it sends.

    Returns:
        The exit code of the command, and how many statements the file has now.

    Raises:
        DatabaseConfigurationError: The command cannot be started.
        StatementsError: The file cannot be read or written.
    """
    from adapter.outbound.migration.traffic.recorder import read_statements, record, write_statements
    from domain.migration.statements import StatementsError, distinct

    known = read_statements(output) if append and output.exists() else ()
    if not output.parent.is_dir():  # said before the command runs
        raise StatementsError(f"there is no folder {output.parent}", "make it, or name another file: --output")
    code, found = record(command, values=values)
    statements = distinct([*known, *found])
    write_statements(output, statements)
    return code, len(statements)
