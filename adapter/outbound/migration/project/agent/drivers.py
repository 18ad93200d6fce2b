"""Lets the tracer see what goes to the drivers' cursors without SQLAlchemy."""

from __future__ import annotations

import functools
import importlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .plans import Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .tracing import Tracer


def trace_drivers(tracer: Tracer) -> None:
    """Let the tracer see what goes to the drivers' cursors without SQLAlchemy."""
    _TRACERS.append(tracer)
    with suppress(ImportError):
        psycopg: Any = importlib.import_module("psycopg")
        for name in ("execute", "executemany"):
            _trace_method(psycopg.Cursor, name, lambda cursor: cursor.connection)
        copy = psycopg.Cursor.copy

        @contextmanager
        def traced_copy(self: Any, statement: Any, *args: Any, **named: Any) -> Iterator[Any]:
            watched = tracer.around_copy(_text(statement, self), self.connection)
            with watched, copy(self, statement, *args, **named) as opened:
                yield opened

        psycopg.Cursor.copy = traced_copy
    with suppress(ImportError):
        module: Any = importlib.import_module("sqlalchemy.dialects.postgresql.asyncpg")
        for name in ("execute", "executemany"):
            _trace_method(module.AsyncAdapt_asyncpg_cursor, name, lambda cursor: cursor._adapt_connection)  # noqa: SLF001


_TRACERS: list[Tracer] = []


def _trace_method(cursor_class: Any, name: str, connection_of: Callable[[Any], Any]) -> None:
    original = getattr(cursor_class, name)
    setattr(cursor_class, name, _traced(original, connection_of))


def _traced(original: Any, connection_of: Callable[[Any], Any]) -> Any:
    """Return a cursor's method that hands over to the tracer of this process, where there is one."""

    @functools.wraps(original)
    def method(self: Any, statement: Any, *args: Any, **named: Any) -> Any:
        given: list[Any] = []
        connection = connection_of(self)
        single = original.__name__ == "execute"  # the others answer nothing
        asked = Asked(self, lambda on, text: original(on, text, *args, **named)) if single else None
        # The asynchronous connections of psycopg2, aiopg's, answer later: nothing can be asked between.
        if (
            _TRACERS
            and not getattr(connection, "async_", 0)
            and _TRACERS[-1].take_from_driver(
                _text(statement, self),
                connection,
                lambda: given.append(original(self, statement, *args, **named)),
                asked,
            )
        ):
            return given[0]
        return original(self, statement, *args, **named)

    return method


def _text(statement: Any, cursor: Any) -> str:
    if isinstance(statement, bytes):
        return statement.decode(errors="replace")
    return str(statement.as_string(cursor)) if hasattr(statement, "as_string") else str(statement)


def psycopg2_cursor(extensions: Any) -> Any:
    """Return a class of cursors that can be traced: those of psycopg2 are written in C."""
    methods = {
        name: _traced(getattr(extensions.cursor, name), lambda cursor: cursor.connection)
        for name in ("execute", "executemany", "copy_expert")
    }
    return type("TracedCursor", (extensions.cursor,), methods)
