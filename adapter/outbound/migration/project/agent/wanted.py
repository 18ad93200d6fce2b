"""What a project asked for and did not get: addresses in the network, and variables of the environment."""

from __future__ import annotations

import functools
import os
import socket
import sys
from typing import Any

from .failures import is_of_project


class Wanted:
    """What was asked for in vain, in that order.

    Attributes:
        addresses: Host and port, as far as they were named.
        variables: Names.
    """

    def __init__(self) -> None:
        self.addresses: dict[str, None] = {}
        self.variables: dict[str, None] = {}

    def watch(self) -> None:
        """Note from now on what is asked for; nothing is refused here."""
        self._watch_network()
        environment: Any = os.environ
        environment.__class__ = _watched(type(os.environ), self)

    def _watch_network(self) -> None:
        resolve, create = socket.getaddrinfo, socket.socket.__init__

        @functools.wraps(resolve)
        def getaddrinfo(host: Any, port: Any, *args: Any, **named: Any) -> Any:
            if host is not None:
                self.addresses[f"{_text(host)}:{_text(port)}" if port else _text(host)] = None
            return resolve(host, port, *args, **named)

        @functools.wraps(create)
        def init(this: Any, family: int = -1, *args: Any, **named: Any) -> None:
            try:
                create(this, family, *args, **named)
            except PermissionError:
                self.addresses = self.addresses or {"the network": None}
                raise

        socket.getaddrinfo = getaddrinfo
        socket.socket.__init__ = init  # type: ignore[method-assign, assignment]
        loops = sys.modules.get("asyncio.base_events")
        if loops is not None:  # it does not resolve what is a number already
            connect = loops.BaseEventLoop.create_connection

            @functools.wraps(connect)
            async def create_connection(
                this: Any, factory: Any, host: Any = None, port: Any = None, **named: Any
            ) -> Any:
                if host is not None:
                    self.addresses[f"{_text(host)}:{_text(port)}"] = None
                return await connect(this, factory, host, port, **named)

            loops.BaseEventLoop.create_connection = create_connection


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _watched(environment: Any, wanted: Wanted) -> Any:
    """Return a class of environments that notes the names which a project's own file asks for and nobody has set."""

    class Watched(environment):  # type: ignore[misc]
        def __getitem__(self, name: str) -> str:
            try:
                return str(super().__getitem__(name))
            except KeyError:
                if _is_asked_by_project(sys._getframe(1)):  # noqa: SLF001 - the stack is the only witness
                    wanted.variables[name] = None
                raise

    return Watched


def _is_asked_by_project(frame: Any) -> bool:
    """Return whether a file of the project's asks, maybe through `os.getenv`, `get` or `in`."""
    while frame.f_back is not None and frame.f_globals.get("__name__") in {"os", "_collections_abc", "collections.abc"}:
        frame = frame.f_back
    return is_of_project(frame.f_code.co_filename)


WANTED = Wanted()
