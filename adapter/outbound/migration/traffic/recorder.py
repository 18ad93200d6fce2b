"""Runs a command and records the statements that its Python processes send through SQLAlchemy."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import redact, shown
from domain.migration.compatibility import ApplicationStatement
from domain.migration.statements import (
    StatementsError,
    distinct,
    from_json,
    is_of_application,
    table_of,
    to_json,
)

_HOOK = Path(__file__).with_name("recording")
_SIGNALLED = 128  # a shell's exit code for a command that a signal ended is 128 plus the signal's number


def record(command: Sequence[str], *, values: bool = True) -> tuple[int, tuple[ApplicationStatement, ...]]:
    """Run a command until it exits, and record its statements.

    Args:
        command: The program and its arguments.
        values: Whether to record example values; otherwise each value is NULL.

    Returns:
        The command's exit code, as a shell reports it, and the distinct statements that it sent.

    Raises:
        DatabaseConfigurationError: The command cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="hexalembic-record-") as folder:
        path = os.pathsep.join([str(_HOOK), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "HEXALEMBIC_RECORD_DIR": folder,
            "HEXALEMBIC_RECORD_VALUES": "1" if values else "0",
        }
        code = _run(command, environment)
        return code, distinct(_read_recording(Path(folder)))


def record_into(path: Path, command: Sequence[str], *, append: bool, values: bool) -> tuple[int, int]:
    """Run a command, and write the statements that it sends to a file.

    Args:
        path: The file.
        command: The program and its arguments.
        append: Whether the statements in the file are kept.
        values: Whether the file contains example values of the statements.

    Returns:
        The command's exit code, and the number of statements in the file.

    Raises:
        DatabaseConfigurationError: The command cannot be started.
        StatementsError: The file cannot be read or written.
    """
    old_statements = read_statements(path) if append and path.exists() else ()
    if not path.parent.is_dir():  # reported before the command runs
        raise StatementsError(f"there is no folder {path.parent}", "make it, or name another file: --output")
    code, recorded = record(command, values=values)
    statements = distinct([*old_statements, *recorded])
    write_statements(path, statements)
    return code, len(statements)


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        raise DatabaseConfigurationError(
            f"{shown(command[0])} cannot be run: {error.strerror}",
            "name a command after --, for example: -- python app.py",
        ) from error
    old = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        while True:
            # Ctrl-C reaches the command, too, so wait until it has exited by itself.
            with suppress(KeyboardInterrupt):
                code = child.wait()
                break
    finally:
        signal.signal(signal.SIGTERM, old)
    return code if code >= 0 else _SIGNALLED - code


def _read_recording(folder: Path) -> Iterator[ApplicationStatement]:
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # a killed process leaves its last line incomplete
                entry = json.loads(line)
                if is_of_application(entry["sql"]):
                    sql = redact(entry["sql"].strip().rstrip(";"))
                    yield ApplicationStatement(sql, table_of(sql), tuple(redact(entry["parameters"])), recorded=True)


def read_statements(path: Path) -> tuple[ApplicationStatement, ...]:
    """Read the file that `write_statements` wrote.

    Raises:
        StatementsError: The file cannot be read, or it contains something else.
    """
    try:
        return from_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StatementsError(
            f"{path} cannot be read: {error.strerror}", "write it with: migrate record -- COMMAND"
        ) from None
    except UnicodeDecodeError:
        raise StatementsError(f"{path} is not UTF-8", "write it with: migrate record -- COMMAND") from None
    except StatementsError as error:
        raise StatementsError(f"{path}: {error.message}", error.hint) from None


def write_statements(path: Path, statements: Iterable[ApplicationStatement]) -> None:
    """Write statements to a file atomically.

    Raises:
        StatementsError: The file cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(to_json(statements), encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise StatementsError(f"{path} cannot be written: {error.strerror}", "name another file: --output") from None
