"""Runs an Alembic command on a database, over its own connection or one that the caller passes."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapter.outbound.database import autogenerate, settings
from adapter.outbound.database.autogenerate.revisions import is_check
from adapter.outbound.database.history import is_known
from adapter.outbound.database.upgrade.advisory_lock import one_at_a_time
from adapter.outbound.database.upgrade.call import options_here
from adapter.outbound.database.upgrade.faults import explain_fault, explain_refusal
from adapter.outbound.database.upgrade.lock_watch import watched
from adapter.outbound.database.upgrade.options import MigrationOptions
from adapter.outbound.database.upgrade.progress import Progress
from adapter.outbound.database.upgrade.retry import with_retries
from adapter.outbound.database.upgrade.revision_errors import describe_revision_error
from adapter.outbound.database.upgrade.session import (
    Session,
    apply_settings,
    read_lock_timeout,
    read_session,
    session,
    session_of_transactions,
)
from adapter.outbound.database.upgrade.signals import ended_in_order
from adapter.outbound.database.upgrade.walks import describe_walk, refusal, refuse_behind
from adapter.outbound.postgres import engine
from adapter.outbound.postgres.commands import reachable
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import explain
from adapter.outbound.postgres.pooler import is_pooled, refuse_transaction_pooler
from adapter.outbound.postgres.privileges import refuse_unreadable
from adapter.outbound.postgres.second_connection import SecondConnections
from adapter.outbound.postgres.url import DatabaseURL

logger = logging.getLogger("alembic.runtime.migration")

LED_BY_DEPLOYMENT = "hexalembic_deployment"  # in `config.attributes`; the agent of migrate deploy sets it


def run_online(metadata: MetaData, options: MigrationOptions) -> None:
    """Run the current Alembic command.

    `config.attributes["connection"]` may hold a `Connection`, an `AsyncEngine` or an object with `connect()`. Otherwise
    the URL comes from `-x url=…`, `config.attributes["url"]`, `DATABASE_URL` or the embedded server, in this order.
    """
    with ended_in_order():
        _run_command(metadata, options)


def _run_command(metadata: MetaData, options: MigrationOptions) -> None:
    target = context.config.attributes.get("connection")
    url: DatabaseURL | None = None
    try:
        if target is None:
            explicit = options.url or context.config.attributes.get("url")
            url = settings.database_url(explicit)
            target = engine.migration_engine(url)
        _run_on(target, lambda connection: run_on_connection(connection, metadata, options))
        if url is not None and is_check(context.get_context()):
            _check_catalog(url, metadata)
    except CommandError:
        raise
    except Exception as error:
        explained = explain(error, url)
        if explained is None:
            raise
        if explained is not error:
            explained.__cause__ = error
        raise CommandError(reachable(str(explained), options_here())) from explained


def _check_catalog(url: DatabaseURL, metadata: MetaData) -> None:
    """Refuse, in `alembic check`, differences for which autogenerate has no operation; it has reported all others.

    Raises:
        CommandError: There is such a difference.
    """
    from adapter.outbound.database.autogenerate.drift import read_drift  # only this command needs it

    with engine.tooling_engine(url).connect() as connection:
        differences = read_drift(connection, metadata)
    if differences:
        lines = "".join(f"\n  - {sentence}" for sentence in differences)
        raise refusal(
            f"Models and database differ, and autogenerate has no operation for it:{lines}\n"
            '  hint: write a revision by hand: alembic revision -m "..."'
        )


def run_on_connection(connection: Connection, metadata: MetaData, options: MigrationOptions) -> None:
    """Run the current Alembic command on a connection."""
    if connection.in_transaction():
        apply_settings(connection, options, local=True)
        _configure(connection, metadata, Progress())
        _run_in_callers_transaction()
        return
    initial_session = read_session(connection)
    _configure(connection, metadata, progress := Progress())
    if _command_writes():
        refuse_transaction_pooler(connection, initial_session.pid, "DATABASE_URL or -x url=postgresql://…")
        connections = SecondConnections(connection)
        try:
            with session(connection, options, initial_session):
                _write(connection, metadata, options, progress, initial_session)
        except Exception as error:
            fault = explain_fault(error, context.get_context(), progress, connections) or explain_refusal(
                error, connections
            )
            if fault is None and explain(error) is None:
                fault = describe_revision_error(error, progress)
            if fault is None:
                raise
            raise fault from error
    else:
        prepared_session = session_of_transactions if is_pooled(connection, initial_session.pid) else session
        try:
            with prepared_session(connection, options, initial_session):
                _run(connection)
        except DBAPIError as error:
            connection.rollback()
            raise explain(error, reads=True, ask=partial(_rows, connection)) or error from error


def _write(
    connection: Connection, metadata: MetaData, options: MigrationOptions, progress: Progress, initial_session: Session
) -> None:
    """Run a writing command under the upgrade lock, and retry it after lock timeouts and deadlocks."""

    def recover() -> None:
        connection.rollback()
        apply_settings(connection, options)
        _configure(connection, metadata, progress)

    with (
        one_at_a_time(connection, options.wait_for_upgrade),
        watched(
            connection, initial_session.pid, read_lock_timeout(connection, options), progress.note_statement
        ) as watch,
    ):
        if context.config.attributes.get(LED_BY_DEPLOYMENT):
            _run(connection)  # migrate deploy waits and tries again itself
        else:
            with_retries(lambda: _run(connection), recover, options.lock_retries, watch)


def _run_on(target: Any, run: Callable[[Connection], None]) -> None:
    if isinstance(target, AsyncConnection):
        raise CommandError(
            "config.attributes['connection'] holds an AsyncConnection, which Alembic cannot use.\n"
            "  hint: await connection.run_sync(upgrade), and hand over the Connection that upgrade() gets."
        )
    if isinstance(target, AsyncEngine):
        _wait_for(_run_on_async_engine(target, run))
    elif isinstance(target, Connection):
        run(target)
    else:
        with target.connect() as connection:
            run(connection)


async def _run_on_async_engine(target: AsyncEngine, run: Callable[[Connection], None]) -> None:
    async with target.connect() as connection:
        await connection.run_sync(run)


def _wait_for(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end; if an event loop is running already, run it in a thread with its own loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(coroutine)
        return
    errors: list[BaseException] = []

    def target() -> None:
        try:
            asyncio.run(coroutine)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=target, name="alembic")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def _configure(connection: Connection, metadata: MetaData, progress: Progress) -> None:
    context.configure(
        connection=connection,
        # Each revision commits on its own, so that a later failure does not undo it.
        transaction_per_migration=True,
        on_version_apply=progress,
        **autogenerate.options(metadata),
    )
    progress.follow(context.get_context())


def _run(connection: Connection) -> None:
    migration = context.get_context()
    refuse_unreadable(
        partial(_rows, connection),
        migration.version_table,
        migration.version_table_schema,
        "",
        writes=_command_writes(),
    )
    _check_revisions()
    connection.rollback()
    if connection.in_transaction():
        raise DatabaseError(
            "The connection has an open transaction before the migrations begin; Alembic would keep nothing.",
            "Commit what was executed on it.",
        )
    _run_migrations()
    connection.rollback()


def _run_migrations() -> None:
    try:
        with context.begin_transaction():
            context.run_migrations()
    except CommandError as error:
        raise describe_walk(error, context.script, context.get_context()) from error


def _run_in_callers_transaction() -> None:
    _check_revisions()
    logger.info("The caller's transaction is open: what runs now is kept when the caller commits")
    try:
        _run_migrations()
    except AssertionError as error:
        # Alembic asserts in autocommit_block() that the transaction is its own.
        raise CommandError(
            "A revision commits by itself (autocommit_block) and cannot run in the transaction of the connection that "
            "was handed over.\n  hint: hand over a connection from engine.connect(), with nothing executed on it."
        ) from error


def _rows(connection: Connection, query: str) -> list[Any]:
    return list(connection.execute(text(query.replace(":", r"\:"))))


def _command_writes() -> bool:
    """Return whether the command is upgrade, downgrade or stamp; all others only read."""
    return "destination_rev" in context.get_context().opts


def _check_revisions() -> None:
    """Raise an error with a hint if there are several heads, or the code lacks a revision of the database."""
    script = context.script
    heads = script.get_heads()
    if len(heads) > 1 and context.get_context().opts.get("destination_rev") == "head":
        raise refusal(
            f"There are {len(heads)} heads: {', '.join(heads)}.\n"
            f'  hint: alembic merge -m "merge {" and ".join(heads)}" heads'
        )
    if context.get_context().opts.get("purge"):
        return
    for revision in context.get_context().get_current_heads():
        if not is_known(script, revision):
            raise refusal(
                f"The database is at revision {revision}, which this code does not have: the database is ahead.\n"
                "  hint: deploy the code that has this revision, or check out its branch; to give the revision up, "
                "restore the schema and run: alembic stamp --purge <revision>"
            )
    refuse_behind(script, context.get_context())
