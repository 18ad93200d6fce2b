"""Says what a lost connection or a cancelled statement means for an upgrade: where the database is, how to go on."""

import time
from dataclasses import dataclass
from typing import Any

from alembic.runtime.migration import MigrationContext

from adapter.outbound.database.upgrade.progress import Progress
from adapter.outbound.database.upgrade.second_connection import SecondConnections
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.explain import fault_of, server_message, sqlstate
from adapter.outbound.postgres.read_only import READ_ONLY, describe_read_only

_RESTART = 3.0  # seconds that a server which is just starting again is waited for
_PATIENCE = 10.0
_PAUSE = 0.2

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
    """Where the database is.

    Attributes:
        heads: Revisions that it is at.
        invalid: Its invalid indexes.
    """

    heads: tuple[str, ...]
    invalid: tuple[str, ...]


def explain_fault(
    error: BaseException, migration: MigrationContext, progress: Progress, connections: SecondConnections
) -> DatabaseError | None:
    """Say in one line what happened, where the database is, and in another how to go on.

    Args:
        error: What ended the upgrade.
        migration: Alembic's context of it.
        progress: What it did.
        connections: The way to look at the database.

    Returns:
        None when the connection is well and the statement was not cancelled: then the error is the revision's.
    """
    fault = fault_of(error)
    if fault is None:
        return None
    where = f" in {_name(progress)}" if progress.step is not None else ""
    state = _read_state(migration, connections)
    said = [f"{fault[0]}{where} ({fault[1]}).", _place(state), _fate(progress, state)]
    hint = f"When that is mended, go on with: {_command(migration, progress)}"
    if isinstance(state, _State) and state.invalid and progress.commits_itself:
        hint = f"{hint} (unless the revision does so itself, before that: DROP INDEX CONCURRENTLY {state.invalid[0]};)"
    return DatabaseError(" ".join(filter(None, said)), hint)


def explain_read_only(error: BaseException, connections: SecondConnections) -> DatabaseError | None:
    """Return why the database only reads, where it refused for that; None where it did not."""
    if sqlstate(error) != READ_ONLY:
        return None

    def ask(query: str) -> list[Any]:
        def run() -> list[Any]:
            with connections.open() as second:
                return second.rows(query)

        return connections.within(_PATIENCE, run)

    return describe_read_only(ask, "the database", server_message(error))


def _read_state(migration: MigrationContext, connections: SecondConnections) -> "_State | str":
    """Look where the database is, over a new connection; say why where nobody can."""
    table = ".".join(_quoted(name) for name in (migration.version_table_schema, migration.version_table) if name)
    deadline = time.monotonic() + _RESTART

    def look() -> _State:
        with connections.open() as second:
            there = second.rows(_VERSION_TABLE.format(table=table.replace("'", "''")))[0][0]
            heads = tuple(str(row[0]) for row in second.rows(_VERSIONS.format(table=table))) if there else ()
            return _State(heads, tuple(str(row[0]) for row in second.rows(_INVALID_INDEXES)))

    while True:
        try:
            return connections.within(_PATIENCE, look)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is said
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
    """Return what has become of the revision that ran."""
    step = progress.step
    if step is None or step.info.is_stamp:
        return ""
    name = _name(progress).capitalize()
    read = isinstance(state, _State)
    if isinstance(state, _State) and (step.revision.revision in state.heads) == step.is_upgrade:
        return f"{name} was committed."
    if not progress.commits_itself:
        return f"{name} ran in a transaction, which {'was' if read else 'the server has'} rolled back."
    kept = f"{name} commits by itself (autocommit block), so that what it had finished is kept"
    if not isinstance(state, _State):
        return f"{kept}; it may have left an invalid index."
    return f"{kept}; invalid indexes: {', '.join(state.invalid) or 'none'}."


def _name(progress: Progress) -> str:
    step = progress.step
    if step.info.is_stamp:
        return "the stamp"
    return f"revision {step.revision.revision}" if step.is_upgrade else f"the downgrade of {step.revision.revision}"


def _command(migration: MigrationContext, progress: Progress) -> str:
    """Return the command that does what is left."""
    function = getattr(migration.opts.get("fn"), "__name__", "")
    name = {"upgrade": "upgrade", "downgrade": "downgrade", "do_stamp": "stamp"}.get(function)
    if name is None:
        return "the same command"
    wanted = migration.opts.get("destination_rev")
    destination = " ".join(wanted) if isinstance(wanted, tuple | list) else str(wanted)
    if destination[:1] in "+-" and destination[1:].isdecimal():
        destination = f"{destination[0]}{progress.left}"
    return f"alembic {' '.join([*_options(migration), name, destination])}"


def _options(migration: MigrationContext) -> list[str]:
    """Return the options again; an address stays out, as it may hold a password."""
    environment: Any = migration.environment_context
    given = getattr(environment.config.cmd_opts, "x", None) or []
    options = ("url=…" if one.startswith("url=") else one for one in given)
    return [part for one in options for part in ("-x", one)]
