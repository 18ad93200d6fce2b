"""Records what a project tried to use in vain: addresses in the network, and environment variables."""

from __future__ import annotations

import functools
import os
import socket
import sys
from typing import Any

from .failures import is_of_project


class Wanted:
    """A record of addresses and variables that a project tried to use; both keep the order of the attempts.

    Attributes:
        addresses: Hosts, with ports as far as they were named.
        variables: Names of environment variables that are not set.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, None] = {}
        self.variables: dict[str, None] = {}

    def watch(self) -> None:
        """Start to record; nothing is refused here."""
        self._watch_network()
        environment: Any = os.environ
        environment.__class__ = _recording_class(type(os.environ), self)

    def _watch_network(self) -> None:
        original_getaddrinfo, original_init = socket.getaddrinfo, socket.socket.__init__

        @functools.wraps(original_getaddrinfo)
        def getaddrinfo(host: Any, port: Any, *args: Any, **named: Any) -> Any:
            if host is not None:
                self.addresses[f"{_text(host)}:{_text(port)}" if port else _text(host)] = None
            return original_getaddrinfo(host, port, *args, **named)

        @functools.wraps(original_init)
        def init(this: Any, family: int = -1, *args: Any, **named: Any) -> None:
            try:
                original_init(this, family, *args, **named)
            except PermissionError:
                self.addresses = self.addresses or {"the network": None}
                raise

        socket.getaddrinfo = getaddrinfo
        socket.socket.__init__ = init  # type: ignore[method-assign, assignment]
        loops = sys.modules.get("asyncio.base_events")
        if loops is not None:  # asyncio does not call getaddrinfo for numeric addresses
            original_create_connection = loops.BaseEventLoop.create_connection

            @functools.wraps(original_create_connection)
            async def create_connection(
                this: Any, factory: Any, host: Any = None, port: Any = None, **named: Any
            ) -> Any:
                if host is not None:
                    self.addresses[f"{_text(host)}:{_text(port)}"] = None
                return await original_create_connection(this, factory, host, port, **named)

            loops.BaseEventLoop.create_connection = create_connection


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _recording_class(environment: Any, wanted: Wanted) -> Any:
    """Return a class of environments that records each unset variable which a file of the project reads."""

    class RecordingEnvironment(environment):  # type: ignore[misc]
        def __getitem__(self, name: str) -> str:
            try:
                return str(super().__getitem__(name))
            except KeyError:
                if _is_read_by_project(sys._getframe(1)):  # noqa: SLF001 - only the stack has the caller
                    wanted.variables[name] = None
                raise

    return RecordingEnvironment


def _is_read_by_project(frame: Any) -> bool:
    """Return whether a file of the project reads a variable, directly or through `os.getenv`, `get` or `in`."""
    while frame.f_back is not None and frame.f_globals.get("__name__") in {"os", "_collections_abc", "collections.abc"}:
        frame = frame.f_back
    return is_of_project(frame.f_code.co_filename)


WANTED = Wanted()
