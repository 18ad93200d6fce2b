"""Hands statements that a revision executes on a driver's cursor, without SQLAlchemy, to the tracer."""

from __future__ import annotations

import functools
import importlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .plans import DriverStatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .interceptor import Interceptor


def trace_drivers(tracer: Interceptor) -> None:
    """Hand statements that are executed on the drivers' cursors, without SQLAlchemy, to a tracer."""
    _TRACERS.append(tracer)
    with suppress(ImportError):
        psycopg: Any = importlib.import_module("psycopg")
        for name in ("execute", "executemany"):
            _trace_method(psycopg.Cursor, name, lambda cursor: cursor.connection)
        _trace_method(psycopg.ServerCursor, "execute", lambda cursor: cursor.connection, explains=False)
        copy = psycopg.Cursor.copy

        @contextmanager
        def traced_copy(self: Any, statement: Any, *args: Any, **named: Any) -> Iterator[Any]:
            observation = tracer.around_copy(_text(statement, self), self.connection)
            with observation, copy(self, statement, *args, **named) as copy_context:
                yield copy_context

        psycopg.Cursor.copy = traced_copy
    with suppress(ImportError):
        module: Any = importlib.import_module("sqlalchemy.dialects.postgresql.asyncpg")
        for name in ("execute", "executemany"):
            _trace_method(module.AsyncAdapt_asyncpg_cursor, name, lambda cursor: cursor._adapt_connection)  # noqa: SLF001


_TRACERS: list[Interceptor] = []


def _trace_method(cursor_class: Any, name: str, connection_of: Callable[[Any], Any], *, explains: bool = True) -> None:
    original = getattr(cursor_class, name)
    setattr(cursor_class, name, _traced(original, connection_of, explains=explains))


def _traced(original: Any, connection_of: Callable[[Any], Any], *, explains: bool = True) -> Any:
    """Return a method of a cursor that hands its statement to the tracer of this process, when there is one.

    Args:
        original: The method.
        connection_of: Returns the connection of a cursor.
        explains: Whether the method can execute EXPLAIN, too.
    """

    @functools.wraps(original)
    def method(self: Any, statement: Any, *args: Any, **named: Any) -> Any:
        results: list[Any] = []
        connection = connection_of(self)
        is_single = explains and original.__name__ == "execute"  # executemany returns no rows
        text = _text(statement, self)
        driver_statement = (
            DriverStatement(self, text, lambda on, text: original(on, text, *args, **named)) if is_single else None
        )
        # The asynchronous connections of psycopg2, which aiopg uses, return before the statement has been executed.
        # The tracer cannot send its queries between.
        if (
            _TRACERS
            and not getattr(connection, "async_", 0)
            and _TRACERS[-1].take_from_driver(
                text,
                connection,
                lambda: results.append(original(self, statement, *args, **named)),
                driver_statement,
            )
        ):
            return results[0]
        return original(self, statement, *args, **named)

    return method


def _text(statement: Any, cursor: Any) -> str:
    if isinstance(statement, bytes):
        return statement.decode(errors="replace")
    return str(statement.as_string(cursor)) if hasattr(statement, "as_string") else str(statement)


def psycopg2_cursor(extensions: Any) -> Any:
    """Return a subclass of psycopg2's cursor that is traced; the class itself is written in C and cannot be patched."""
    methods = {
        name: _traced(getattr(extensions.cursor, name), lambda cursor: cursor.connection)
        for name in ("execute", "executemany", "copy_expert")
    }
    return type("TracedCursor", (extensions.cursor,), methods)
