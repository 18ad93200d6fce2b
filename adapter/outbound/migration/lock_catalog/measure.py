"""Measures the operations of the catalog with the tracer, in an Alembic history that is generated for it.

Each operation is a revision. The revision recreates its tables and runs the operation outside of Alembic's
transactions, so that the tracer detects whether the operation can run in a transaction.
"""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from adapter.outbound.migration.lock_catalog.operation import SCHEMA, TABLES, Operation
from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.client import run_agent
from adapter.outbound.migration.project.connection import Connection
from adapter.outbound.migration.project.jobs import AgentJob
from adapter.outbound.migration.project.results import AgentRun
from application.migration.ports.sandbox import Sandbox
from domain.migration.errors import MigrationError
from domain.migration.lock_catalog import CatalogRow, Measurement
from domain.migration.locks import LockMode
from domain.migration.trace import StatementTrace

_ENV = """
from alembic import context
from sqlalchemy import create_engine

with create_engine("postgresql+psycopg://").connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
# Statements that libpq executes directly are not traced. The savepoint makes the tracer read the catalog again. An
# operation may fail, because its error is part of the measurement.
_REVISION = """
import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.exc import DBAPIError

revision = {revision!r}
down_revision = {down_revision!r}


def upgrade():
    result = op.get_bind().connection.dbapi_connection.pgconn.exec_({setup!r}.encode())
    if result.status not in (1, 2):  # neither a command nor rows
        raise RuntimeError(result.error_message.decode())
    op.execute("SAVEPOINT prepared")
    with op.get_context().autocommit_block():
        try:
            {call}
        except DBAPIError:
            pass
"""


def measure(sandbox: Sandbox, operations: Sequence[Operation]) -> dict[Operation, Measurement]:
    """Run operations in a database of the sandbox, and return their measurements.

    Raises:
        MigrationError: The setup of an operation failed, or an operation is not exactly one statement.
    """
    database = sandbox.create()
    try:
        with tempfile.TemporaryDirectory(prefix="hexalembic-locks-") as folder:
            config = _project(Path(folder), operations)
            result = run_agent(
                AgentJob(config, Connection.parse(database), Command.UPGRADE, "head"), python=sys.executable
            )
    finally:
        sandbox.drop(database)
    if result.error is not None:
        at = operations[len(result.runs) - 1].name if result.runs else "env.py"
        raise MigrationError(f"'{at}' cannot be prepared: {result.error.message}", "correct its setup")
    runs = {run.revision: run for run in result.runs}
    return {operation: _measurement(operation, runs[_revision(number)]) for number, operation in enumerate(operations)}


def rows(operations: Iterable[Operation], measured: dict[int, dict[Operation, Measurement]]) -> list[CatalogRow]:
    """Return the rows of the catalog, joined from the measurements on several major versions.

    Args:
        operations: The operations, in the order of the page.
        measured: The measurements by major version of Postgres, then by operation.
    """
    newest = measured[max(measured)]
    return [
        CatalogRow(
            operation.group,
            operation.name,
            tuple(filter(None, (newest[operation].sql, operation.alembic))),
            operation.note,
            {major: measurements[operation].facts(operation.table) for major, measurements in sorted(measured.items())},
        )
        for operation in operations
    ]


def _project(folder: Path, operations: Sequence[Operation]) -> Path:
    """Write the history, and return the path of its configuration."""
    versions = folder / "versions"
    versions.mkdir()
    (folder / "env.py").write_text(_ENV, encoding="utf-8")
    config = folder / "alembic.ini"
    config.write_text("[alembic]\nscript_location = %(here)s\n", encoding="utf-8")
    for number, operation in enumerate(operations):
        source = _REVISION.format(
            revision=_revision(number),
            down_revision=_revision(number - 1) if number else None,
            setup=f"{TABLES}\n{operation.setup};\n{operation.settings}",
            call=operation.alembic or f"op.get_bind().exec_driver_sql({operation.sql!r})",
        )
        (versions / f"{_revision(number)}.py").write_text(source, encoding="utf-8")
    return config


def _revision(number: int) -> str:
    return f"operation{number}"


def _measurement(operation: Operation, run: AgentRun) -> Measurement:
    count = sum(statement.count for statement in run.statements)
    if count != 1:
        raise MigrationError(f"'{operation.name}' is {count} statements", "make it one, and the rest its setup")
    return _measurement_of(run.statements[0])


def _measurement_of(trace: StatementTrace) -> Measurement:
    return Measurement(
        sql=" ".join(trace.sql.split()),
        locks={_plain(name): mode for name, mode in trace.locks.items() if mode > LockMode.ACCESS_SHARE},
        rewritten=tuple(sorted(map(_plain, trace.rewritten))),
        scanned=tuple(sorted(_plain(name) for name, row_count in trace.scanned.items() if row_count)),
        built=tuple(sorted(map(_plain, trace.indexes_built))),
        in_transaction=not trace.cannot_run_in_transaction,
        error=trace.error.partition("\n")[0] if trace.error else None,
    )


def _plain(name: str) -> str:
    return name.removeprefix(f"{SCHEMA}.")
