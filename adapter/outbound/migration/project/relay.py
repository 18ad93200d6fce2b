"""A Unix socket that forwards connections to one database, of a sandbox or of a deployment, and to no other.

The project's process has no network, and the server's own socket is covered. What connects here reaches the one
database that is in use, and the one on which env.py was run beforehand; it may ask for no other, and for no other role
than that of this tool: a server may trust whoever comes from here. Encryption towards the server is ours to do, since
the project's end is local.

Source: the Postgres manual, "Message Flow" and "Message Formats" (StartupMessage, SSLRequest, ErrorResponse).
"""

import asyncio
import os
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from itertools import cycle, takewhile
from pathlib import Path
from typing import Self

SOCKET = ".s.PGSQL.5432"
_CANCEL = struct.pack("!i", 80877102)
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_GSS_OR_SSL = {80877103, 80877104}
_VERIFIED = {"verify-ca", "verify-full"}
_MOST_STARTUP_BYTES = 10_000  # of a startup message, as in Postgres itself
_CHUNK_BYTES = 1 << 16
_LAST_MOMENT = 0.01  # seconds in which connections that are closed come to their end
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}  # seconds, seconds, and how often
_LONGEST_FOLDER = 103 - len(f"/hx-relay-12345678/{SOCKET}")  # bytes of a path on macOS; Linux allows four more


class Relay:
    """A Unix socket that forwards connections to a database, served by a thread.

    Attributes:
        folder: Folder of the socket; only this user can enter it.
        database: Name of the database that can be reached; empty before the first call of `lead_to`.
    """

    def __init__(self, subject: str = "the sandbox") -> None:
        """Create the folder; the socket is created by the first call of `lead_to`.

        Args:
            subject: Whose database it leads to, for messages.
        """
        self._subject = subject
        # a longer path does not fit into the address of a socket; libpq would read a comma as a separator of hosts
        default_folder = tempfile.gettempdir()
        is_usable = len(os.fsencode(default_folder)) <= _LONGEST_FOLDER and "," not in default_folder
        self._folder = tempfile.TemporaryDirectory(prefix="hx-relay-", dir=None if is_usable else "/tmp")  # noqa: S108
        self.folder = self._folder.name
        self.database = ""
        self._led_to = self._kept = ("", "")  # databases, each with its role
        self._parameters: Mapping[str, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Return the relay."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the relay."""
        self.close()

    def lead_to(self, parameters: Mapping[str, str], *, keep: bool = False) -> None:
        """Forward connections to a database from now on.

        Args:
            parameters: As libpq has them: `host`, `port`, `dbname`, `user`, `sslmode` and its like.
            keep: Lead to it also when another one is in use, until the next one that is kept.
        """
        self._parameters, self.database = parameters, parameters["dbname"]
        self._led_to = (self.database, parameters["user"])
        if keep:
            self._kept = self._led_to
        if self._loop is None:
            ready = threading.Event()
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._serve, args=(self._loop, ready), name="relay", daemon=True)
            self._thread.start()
            ready.wait()

    def close(self) -> None:
        """Stop the thread and delete the folder; a second call does nothing."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = None
        self._folder.cleanup()

    def _serve(self, loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        connections: list[asyncio.StreamWriter] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            await self._forward(reader, writer)

        server = loop.run_until_complete(asyncio.start_unix_server(accept, Path(self.folder, SOCKET)))
        ready.set()
        loop.run_forever()
        server.close()
        loop.run_until_complete(asyncio.sleep(_LAST_MOMENT))  # what was just accepted begins, so that it can be ended
        loop.run_until_complete(end_tasks())
        for writer in connections:  # one that nobody reads from any more would wait for that
            writer.transport.abort()
        loop.run_until_complete(asyncio.sleep(_LAST_MOMENT))
        loop.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                startup = await _read_startup(reader, writer)
                refusal = self._refusal(startup)
                if refusal is not None:
                    writer.write(_error_response(refusal))
                    return
                server_reader, server_writer = await _connect(self._parameters)
                server_writer.write(startup)
                try:
                    await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))
                finally:
                    server_writer.close()
            except (OSError, ssl.SSLError) as error:
                writer.write(_error_response(f"{self._subject}'s server cannot be reached: {error}"))
            finally:
                writer.close()

    def _refusal(self, startup: bytes) -> str | None:
        """Return why a session is refused; None when it is allowed, or when it only cancels a statement."""
        if startup[4:8] == _CANCEL:
            return None
        parameters = _fields(startup)
        role = parameters.get("user", "")
        database = parameters.get("database") or role
        roles = [role for name, role in (self._led_to, self._kept) if name and name == database]
        if not roles:
            return f"only {self._subject}'s own database can be reached, not {database}"
        if role not in roles:
            return f"only {self._subject}'s own role can log in, not {role}"
        return None


def _fields(startup: bytes) -> dict[str, str]:
    """Read the fields of a startup message as the server does: the last of a name holds, up to an empty name."""
    parts = startup[8:].split(b"\0")
    pairs = takewhile(lambda pair: pair[0], zip(parts[::2], parts[1::2], strict=False))
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}


async def end_tasks() -> None:
    """Cancel all other tasks of this loop, and wait a moment for their connections to close."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(_LAST_MOMENT)


async def _read_startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Return the startup message of a session; requests for encryption are declined, as on every local socket."""
    while True:
        length, code = struct.unpack("!ii", head := await reader.readexactly(8))
        if code not in _GSS_OR_SSL:
            break
        writer.write(b"N")
    if not 8 <= length <= _MOST_STARTUP_BYTES:  # noqa: PLR2004 - the length and the code take 8 bytes
        raise ConnectionResetError
    return head + await reader.readexactly(length - 8)


async def _connect(parameters: Mapping[str, str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    hosts = parameters.get("hostaddr") or parameters.get("host") or "localhost"
    ports = parameters.get("port") or "5432"
    addresses = list(zip(hosts.split(","), cycle(ports.split(",")), strict=False))
    for index, (host, port) in enumerate(addresses):
        try:
            if host.startswith("/"):
                return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            return await _connect_by_network(host, int(port), parameters)
        except OSError:
            if index == len(addresses) - 1:
                raise
    raise ConnectionRefusedError


async def _connect_by_network(
    host: str, port: int, parameters: Mapping[str, str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(host, port)
    _keep_alive(writer.get_extra_info("socket"))
    try:
        await _encrypt(reader, writer, host, parameters)
    except BaseException:
        writer.close()
        raise
    return reader, writer


def _keep_alive(connection: socket.socket) -> None:
    """Let the kernel end a connection that was cut without a word after a minute, and not after hours."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):  # each system has some of them
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _encrypt(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, parameters: Mapping[str, str]
) -> None:
    mode = parameters.get("sslmode") or "prefer"
    if mode in {"disable", "allow"}:
        return
    writer.write(_SSL_REQUEST)
    if await reader.readexactly(1) == b"S":
        await writer.start_tls(_ssl_context(mode, parameters), server_hostname=parameters.get("host") or host)
    elif mode != "prefer":
        raise ConnectionRefusedError(f"the server has no SSL, and sslmode is {mode}")


def _ssl_context(mode: str, parameters: Mapping[str, str]) -> ssl.SSLContext:
    """Return the TLS context that libpq's parameters describe."""
    root_certificate = parameters.get("sslrootcert") or ""
    context = ssl.create_default_context(cafile=root_certificate if root_certificate not in {"", "system"} else None)
    context.check_hostname = mode == "verify-full" or root_certificate == "system"
    if mode not in _VERIFIED and root_certificate != "system":
        context.verify_mode = ssl.CERT_NONE
    if parameters.get("sslcert"):
        context.load_cert_chain(parameters["sslcert"], parameters.get("sslkey"), parameters.get("sslpassword"))
    return context


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy all bytes from a reader to a writer, and close the writer at the end."""
    try:
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _error_response(message: str) -> bytes:
    fields = b"".join(
        kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", "08001"), (b"M", message))
    )
    return b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0"
