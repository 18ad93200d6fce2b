"""Serves Postgres on a port of the loopback: with TLS, or with none, as the server itself says it."""

import asyncio
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import trustme

from adapter.outbound.migration.project.relay import copy, end_tasks
from tests.conftest import Server

_SSL_REQUEST = 80877103


@contextmanager
def encrypting(server: Server, authority: trustme.CA) -> Iterator[int]:
    """Serve Postgres with TLS on a port of the loopback, in front of a server, as poolers do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert struct.unpack("!ii", await reader.readexactly(8)) == (8, _SSL_REQUEST)
        writer.write(b"S")
        try:
            await writer.start_tls(context)
            await _carry(server, reader, writer)
        except OSError:  # a client that does not trust the certificate goes away
            writer.close()

    with _listening(serve) as port:
        yield port


@contextmanager
def plain(server: Server) -> Iterator[int]:
    """Serve Postgres without TLS on a port of the loopback: over its Unix socket the server refuses TLS itself."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _carry(server, reader, writer)

    with _listening(serve) as port:
        yield port


async def _carry(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    behind, ahead = await asyncio.open_unix_connection(f"{server.host}/.s.PGSQL.{server.port}")
    await asyncio.gather(copy(reader, ahead), copy(behind, writer))


@contextmanager
def _listening(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> Iterator[int]:
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), list[int]()

    def run() -> None:
        asyncio.set_event_loop(loop)
        listening = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
        ports.append(listening.sockets[0].getsockname()[1])
        ready.set()
        loop.run_forever()
        listening.close()
        loop.run_until_complete(end_tasks())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    yield ports[0]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
