"""Explains a lost connection or a cancelled statement: where the database is, and how to continue the upgrade."""

import time
from dataclasses import dataclass
from typing import Any

from alembic.runtime.migration import MigrationContext

from adapter.outbound.database.upgrade.call import call_options
from adapter.outbound.database.upgrade.progress import Progress
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import (
    explain,
    fault_of,
    is_about_extension,
    remedy_of_fault,
    server_message,
    sqlstate,
)
from adapter.outbound.postgres.privileges import NO_PRIVILEGE, NO_SCHEMA
from adapter.outbound.postgres.read_only import READ_ONLY
from adapter.outbound.postgres.second_connection import SecondConnections

_RESTART = 3.0  # seconds to wait for a server that is restarting
_PATIENCE = 10.0  # seconds to wait for an answer
_PAUSE = 0.2  # seconds between two attempts

_VERSION_TABLE = "SELECT to_regclass('{table}') IS NOT NULL"
_VERSIONS = "SELECT version_num FROM {table} ORDER BY 1"
_INVALID_INDEXES = r"""
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_toast'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
 ORDER BY 1
"""


@dataclass(frozen=True)
class _State:
    """The state of the database after the fault.

    Attributes:
        heads: The revisions that the database is at.
        invalid: The quoted names of its invalid indexes.
    """

    heads: tuple[str, ...]
    invalid: tuple[str, ...]


def explain_fault(
    error: BaseException, migration: MigrationContext, progress: Progress, connections: SecondConnections
) -> DatabaseError | None:
    """Return an error that names the fault and the state of the database, with a hint how to continue.

    Args:
        error: The error that ended the upgrade.
        migration: Alembic's context of the upgrade.
        progress: The steps of the upgrade so far.
        connections: Opens new connections to the database.

    Returns:
        The error, or None if the connection works and the statement was not cancelled. The revision itself failed then.
    """
    fault = fault_of(error)
    if fault is None:
        return None
    where = f" in {_name(progress)}" if progress.step is not None else ""
    state = _read_state(migration, connections)
    cause = f"{fault[0]}{where}" if where else fault[0].removesuffix(",")
    sentences = [f"{cause} ({fault[1]}).", _place(state), _fate(progress, state)]
    remedy = remedy_of_fault(error)
    hint = f"{f'{remedy}, then' if remedy else 'Once that is fixed,'} continue with: {_command(migration, progress)}"
    if isinstance(state, _State) and state.invalid and progress.commits_itself:
        hint = f"{hint} (unless the revision does so itself, before that: DROP INDEX CONCURRENTLY {state.invalid[0]};)"
    return DatabaseError(" ".join(filter(None, sentences)), hint)


def explain_refusal(error: BaseException, connections: SecondConnections) -> DatabaseError | None:
    """Return why the database only reads, or which privilege the role lacks; None if the error is about neither."""
    state = sqlstate(error)
    if state not in {READ_ONLY, NO_PRIVILEGE, NO_SCHEMA} or is_about_extension(error):
        return None

    def ask(query: str) -> list[Any]:
        def run() -> list[Any]:
            with connections.open() as connection:
                return connection.rows(query)

        return connections.within(_PATIENCE, run)

    return explain(error, ask=ask)


def _read_state(migration: MigrationContext, connections: SecondConnections) -> "_State | str":
    """Read the state of the database over a new connection, or return the reason why it cannot be read."""
    table = ".".join(_quoted(name) for name in (migration.version_table_schema, migration.version_table) if name)
    deadline = time.monotonic() + _RESTART

    def read() -> _State:
        with connections.open() as connection:
            has_version_table = connection.rows(_VERSION_TABLE.format(table=table.replace("'", "''")))[0][0]
            heads = (
                tuple(str(row[0]) for row in connection.rows(_VERSIONS.format(table=table)))
                if has_version_table
                else ()
            )
            return _State(heads, tuple(str(row[0]) for row in connection.rows(_INVALID_INDEXES)))

    while True:
        try:
            return connections.within(_PATIENCE, read)
        except Exception as error:  # noqa: BLE001 - any error is reported
            if time.monotonic() > deadline or isinstance(error, TimeoutError):
                return server_message(error)
        time.sleep(_PAUSE)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _place(state: "_State | str") -> str:
    if isinstance(state, str):
        return f"Which revisions the database has could not be read ({state})."
    return f"The database is at {', '.join(state.heads) or 'no revision'}."


def _fate(progress: Progress, state: "_State | str") -> str:
    """Return a sentence about the outcome of the revision that ran."""
    step = progress.step
    if step is None or step.info.is_stamp:
        return ""
    name = _name(progress).capitalize()
    is_state_read = isinstance(state, _State)
    if isinstance(state, _State) and (step.revision.revision in state.heads) == step.is_upgrade:
        return f"{name} was committed."
    if not progress.commits_itself:
        return f"{name} ran in a transaction, which {'was' if is_state_read else 'the server has'} rolled back."
    own_commit = f"{name} commits by itself (autocommit block), so that what it had finished is kept"
    if not isinstance(state, _State):
        return f"{own_commit}; it may have left an invalid index."
    return f"{own_commit}; invalid indexes: {', '.join(state.invalid) or 'none'}."


def _name(progress: Progress) -> str:
    step = progress.step
    if step.info.is_stamp:
        return "the stamp"
    return f"revision {step.revision.revision}" if step.is_upgrade else f"the downgrade of {step.revision.revision}"


def _command(migration: MigrationContext, progress: Progress) -> str:
    """Return the command that runs the remaining steps."""
    function_name = getattr(migration.opts.get("fn"), "__name__", "")
    command = {"upgrade": "upgrade", "downgrade": "downgrade", "do_stamp": "stamp"}.get(function_name)
    if command is None:
        return "the same command"
    target = migration.opts.get("destination_rev")
    destination = " ".join(target) if isinstance(target, tuple | list) else str(target)
    if destination[:1] in "+-" and destination[1:].isdecimal():
        destination = f"{destination[0]}{progress.left}"
    environment: Any = migration.environment_context
    return " ".join(["alembic", *call_options(environment.config), command, destination])
