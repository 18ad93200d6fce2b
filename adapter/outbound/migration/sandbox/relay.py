"""A Unix socket that leads to a sandbox on a server that a URL names, and to nothing else of that server.

The project's process has no network, and the server's own socket is covered. What connects here reaches the one
database that is in use, and the one on which env.py was run beforehand; it may ask for no other. Encryption towards the
server is ours to do, since the project's end is local.

Source: the Postgres manual, "Message Flow" and "Message Formats" (StartupMessage, SSLRequest, ErrorResponse).
"""

import asyncio
import os
import ssl
import struct
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Self

SOCKET = ".s.PGSQL.5432"
_PROTOCOL_3 = 3
_CANCEL = struct.pack("!i", 80877102)
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_GSS_OR_SSL = {80877103, 80877104}
_VERIFIED = {"verify-ca", "verify-full"}
_MOST = 10_000  # bytes of a startup message, as in Postgres itself
_BYTES = 1 << 16
_LONGEST = 103 - len(f"/hx-relay-12345678/{SOCKET}")  # bytes that macOS takes; Linux takes four more


class Relay:
    """The socket, served by a thread.

    Attributes:
        folder: Where the socket is; only this user gets in.
        database: The database that may be reached.
    """

    def __init__(self) -> None:
        """Make the folder; nothing listens there yet."""
        # a longer path fits into no address of a socket; a comma would part two hosts
        usual = tempfile.gettempdir()
        fits = len(os.fsencode(usual)) <= _LONGEST and "," not in usual
        self._folder = tempfile.TemporaryDirectory(prefix="hx-relay-", dir=None if fits else "/tmp")  # noqa: S108
        self.folder = self._folder.name
        self.database = ""
        self._kept = ""
        self._parameters: Mapping[str, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def lead_to(self, parameters: Mapping[str, str], *, keep: bool = False) -> None:
        """Lead to a database from now on.

        Args:
            parameters: As libpq has them: `host`, `port`, `dbname`, `sslmode` and its like.
            keep: Lead to it also when another one is in use, until the next one that is kept.
        """
        self._parameters, self.database = parameters, parameters["dbname"]
        if keep:
            self._kept = self.database
        if self._loop is None:
            ready = threading.Event()
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._serve, args=(self._loop, ready), name="relay", daemon=True)
            self._thread.start()
            ready.wait()

    def close(self) -> None:
        """Stop it and delete the folder; safe to call again."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = self._thread = None
        self._folder.cleanup()

    def _serve(self, loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(asyncio.start_unix_server(self._serve_one, Path(self.folder, SOCKET)))
        ready.set()
        loop.run_forever()
        server.close()
        loop.run_until_complete(end_tasks())
        loop.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                startup = await _startup(reader, writer)
                refusal = self._refusal(startup)
                if refusal is not None:
                    writer.write(_error(refusal))
                    return
                server_reader, server_writer = await _connect(self._parameters)
                server_writer.write(startup)
                try:
                    await asyncio.gather(copy(reader, server_writer), copy(server_reader, writer))
                finally:
                    server_writer.close()
            except (OSError, ssl.SSLError) as error:
                writer.write(_error(f"the sandbox's server cannot be reached: {error}"))
            finally:
                writer.close()

    def _refusal(self, startup: bytes) -> str | None:
        """Return why a session may not begin; None when it may, and for a request to cancel a statement."""
        if startup[4:8] == _CANCEL:
            return None
        fields = startup[8:].split(b"\0")
        asked = dict(zip(fields[::2], fields[1::2], strict=False))
        name = asked.get(b"database", asked.get(b"user", b"")).decode(errors="replace")
        if name and name in {self.database, self._kept}:
            return None
        return f"only the sandbox's own database can be reached, not {name}"


async def end_tasks() -> None:
    """End all other tasks of this loop, and let their connections close."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.01)


async def _startup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Read the first message of a session; encryption is declined, as on every local socket."""
    while True:
        length, code = struct.unpack("!ii", head := await reader.readexactly(8))
        if code not in _GSS_OR_SSL:
            break
        writer.write(b"N")
    if not 8 <= length <= _MOST:  # noqa: PLR2004 - the two numbers that were read
        raise ConnectionResetError
    return head + await reader.readexactly(length - 8)


async def _connect(parameters: Mapping[str, str]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    hosts = parameters.get("hostaddr") or parameters.get("host") or "localhost"
    ports = parameters.get("port") or "5432"
    listed = list(zip(hosts.split(","), cycle(ports.split(",")), strict=False))
    for place, (host, port) in enumerate(listed):
        try:
            if host.startswith("/"):
                return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
            return await _connect_by_network(host, int(port), parameters)
        except OSError:
            if place == len(listed) - 1:
                raise
    raise ConnectionRefusedError


async def _connect_by_network(
    host: str, port: int, parameters: Mapping[str, str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        await _encrypt(reader, writer, host, parameters)
    except BaseException:
        writer.close()
        raise
    return reader, writer


async def _encrypt(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, parameters: Mapping[str, str]
) -> None:
    mode = parameters.get("sslmode") or "prefer"
    if mode in {"disable", "allow"}:
        return
    writer.write(_SSL_REQUEST)
    if await reader.readexactly(1) == b"S":
        await writer.start_tls(_context(mode, parameters), server_hostname=parameters.get("host") or host)
    elif mode != "prefer":
        raise ConnectionRefusedError(f"the server has no SSL, and sslmode is {mode}")


def _context(mode: str, parameters: Mapping[str, str]) -> ssl.SSLContext:
    """Return what libpq's parameters say of encryption."""
    root = parameters.get("sslrootcert") or ""
    context = ssl.create_default_context(cafile=root if root not in {"", "system"} else None)
    context.check_hostname = mode == "verify-full" or root == "system"
    if mode not in _VERIFIED and root != "system":
        context.verify_mode = ssl.CERT_NONE
    if parameters.get("sslcert"):
        context.load_cert_chain(parameters["sslcert"], parameters.get("sslkey"), parameters.get("sslpassword"))
    return context


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry all that comes from one end to another, and close that when it ends."""
    try:
        while data := await reader.read(_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _error(message: str) -> bytes:
    fields = b"".join(
        kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", "08001"), (b"M", message))
    )
    return b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0"
