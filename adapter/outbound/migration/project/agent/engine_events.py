"""Hands the statements of every SQLAlchemy engine to a tracer, which executes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .plans import DriverStatement

if TYPE_CHECKING:
    from .interceptor import Interceptor


def listen(tracer: Interceptor) -> None:
    """Hand over the statements of every engine, and report the ends of its transactions, to a tracer."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "do_execute")
    def do_execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        def execute(on: Any, text: str) -> None:
            context.dialect.do_execute(on, text, parameters, context)

        return tracer.take(
            _sent(statement, context),
            context,
            lambda: execute(cursor, statement),
            DriverStatement(cursor, statement, execute),
        )

    @event.listens_for(Engine, "do_execute_no_params")
    def do_execute_no_params(cursor: Any, statement: str, context: Any) -> bool:
        def execute(on: Any, text: str) -> None:
            context.dialect.do_execute_no_params(on, text, context)

        return tracer.take(
            statement, context, lambda: execute(cursor, statement), DriverStatement(cursor, statement, execute)
        )

    @event.listens_for(Engine, "do_executemany")
    def do_executemany(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        def execute_first(on: Any, text: str) -> None:
            context.dialect.do_execute(on, text, parameters[0], context)

        return tracer.take(
            _sent(statement, context),
            context,
            lambda: context.dialect.do_executemany(cursor, statement, parameters, context),
            DriverStatement(cursor, statement, execute_first),
        )

    @event.listens_for(Engine, "commit")
    def commit(_connection: Any) -> None:
        tracer.transaction_ended()

    @event.listens_for(Engine, "rollback")
    def rollback(_connection: Any) -> None:
        tracer.transaction_ended(undone=True)

    @event.listens_for(Engine, "rollback_savepoint")
    def rollback_savepoint(_connection: Any, _name: Any, _context: Any) -> None:
        tracer.transaction_ended(undone=True)


def _sent(statement: str, context: Any) -> str:
    """Return a statement as the driver sends it: in its parameter style, a doubled percent sign stands for one."""
    doubled = context is not None and context.dialect.paramstyle in {"format", "pyformat"}
    return statement.replace("%%", "%") if doubled else statement
