"""Runs a client program of Postgres: led to a server without a secret on its command line, and ended with this process.

The address goes into a service file that only its owner can read, and the password into the environment, which only the
same user can read. Source: the Postgres manual, 32.15 Environment Variables, and 32.17 The Connection Service File.
"""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg

from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.full_disk import describe_full_disk
from adapter.outbound.postgres.redaction import redact

_SERVICE = "hexalembic"
_NOT_HANDED_ON = frozenset(
    {"service", "servicefile", "application_name", "fallback_application_name", "client_encoding"}
)
# Workers write to one stderr at the same time, so a line may begin in the middle of another.
_MESSAGE = re.compile(r"\b(?:error|detail|fatal|ERROR|DETAIL|FATAL): +(?!pg_\w+: )(.+)")
_OF_WORKERS = "a worker process died unexpectedly"
_NO_SPACE = ("No space left on device", "Disk quota exceeded")
_PATIENCE = 5.0  # seconds that a program gets to end after SIGTERM


@dataclass(frozen=True)
class Login:
    """How a program reaches a database.

    Attributes:
        environment: Variables for the program, without those of this process.
    """

    environment: Mapping[str, str]

    @property
    def option(self) -> str:
        """The option of a client program that names the database."""
        return f"--dbname=service={_SERVICE}"


@contextmanager
def login_of(connection: psycopg.Connection[object], database: str = "") -> Iterator[Login]:
    """Yield the login of an open session for programs, with exactly its server, also where a URL names several.

    Args:
        connection: The session.
        database: Another database of that server; empty for that of the session.
    """
    info = connection.info
    values = {name: value for name, value in info.get_parameters().items() if name not in _NOT_HANDED_ON}
    values |= {"host": info.host, "port": str(info.port), "dbname": database or info.dbname}
    if "," in values.get("hostaddr", ""):
        values["hostaddr"] = info.hostaddr
    with tempfile.TemporaryDirectory(prefix="hexalembic-") as folder:  # mode 0700
        path = Path(folder, "service")
        path.touch(mode=0o600)
        path.write_text(
            "\n".join([f"[{_SERVICE}]", *(f"{name}={value}" for name, value in values.items() if value)]) + "\n"
        )
        environment = {"PGSERVICEFILE": str(path), "PGAPPNAME": "hexalembic backup", "LC_ALL": "C"}
        yield Login(environment | ({"PGPASSWORD": info.password} if info.password else {}))


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    heard: Callable[[str], object] = lambda _line: None,
) -> None:
    """Run a program to its end; it ends, too, if this call ends in any other way.

    Args:
        command: The program and its arguments.
        environment: Variables for it beside those of this process.
        folder: The folder that it writes to, for the message of a full disk.
        heard: Called with each line that it writes to stderr.

    Raises:
        DatabaseError: It failed.
    """
    messages: list[str] = []
    with started(command, environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        for line in _lines(process.stderr):
            heard(line)
            if message := _MESSAGE.search(line):
                messages.append(message[1].rpartition("ERROR:")[2].strip())
        code = process.wait()
    if code == 0:
        return
    told = [text for text in dict.fromkeys(messages) if text != _OF_WORKERS]
    name, text = Path(command[0]).name, redact("; ".join(told[:_MOST])) or _ended(code)
    if any(sign in text for sign in _NO_SPACE):
        raise describe_full_disk("this command", folder, text, "Free space there, or name another folder with --to.")
    raise DatabaseError(f"{name} failed: {text}", remedy_of(text))


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], *, stdout: int, stderr: int
) -> Iterator["subprocess.Popen[str]"]:
    """Start a program in a group of processes of its own, which ends with the context."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **environment},
        text=True,
        errors="replace",
        umask=0o077,
        start_new_session=True,  # Ctrl-C reaches this process, which ends the program and waits for it
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _lines(stream: IO[str] | None) -> Iterator[str]:
    if stream is not None:
        yield from (line.rstrip("\n") for line in stream)


def _ended(code: int) -> str:
    return f"it was ended by signal {-code}" if code < 0 else f"exit code {code}"


def remedy_of(text: str) -> str:
    """Return what to do about a message of Postgres or of one of its programs."""
    return next((remedy for sign, remedy in _REMEDIES if sign in text), "mend what it names, then run this again")


_MOST = 6  # messages of a program that are shown
_REMEDIES = (
    ("lock timeout", "wait for the session that locks the table: migrate preflight names it"),
    ("row-level security", "dump as a role with BYPASSRLS, or as the owner of the tables"),
    ("permission denied", "dump as the owner of the tables, or GRANT pg_read_all_data to the role"),
    ("server closed the connection", "look into the server's log, then run this again: nothing was left"),
    ("terminating connection", "somebody ended the session; run this again: nothing was left"),
    ("too many clients", "free connections, or run this when fewer are in use"),
    ("remaining connection slots", "free connections, or run this when fewer are in use"),
    ("is not available", "install the extension on the server that restores, or name another one with --verify-at"),
    ("role ", "create the role there, or restore without owners and privileges: --no-owner"),
)
