"""Upgrades a real database, as `alembic upgrade` does, on connections that are led there."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from .asking import Asker
from .drivers import trace_drivers
from .engine_events import listen
from .failures import HistoryError
from .project import configured, function_of, list_revisions, refuse_names_of_places, script_of, watch_revisions
from .proof import Proof, value_of
from .protocol import Command, Compared, Session, VersionTable
from .redirect import redirect_drivers
from .target import Target

if TYPE_CHECKING:
    from .channel import Channel
    from .protocol import Job

_LED_BY_DEPLOYMENT = "hexalembic_deployment"  # tells an env.py that tries again itself to leave that to its caller
_VERSION_TABLE = """
SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass(:name)
"""


def upgrade(job: Job, channel: Channel) -> None:
    """Run the pending revisions, and report the history afterwards, and how the models differ where the job asks it."""
    _behave_as_a_command()
    os.chdir(job.cwd)
    target = Target()
    target.point_at(job)
    redirect_drivers(target)
    proof = Proof(target)
    proof.channel = channel
    _set_variables(job, target)
    config = configured(job, target)
    config.attributes[_LED_BY_DEPLOYMENT] = job.command in Command.ASKING
    watch_revisions(channel, _asker_of(job, channel), proof)
    script = script_of(config)
    _run_env(config, script, job, channel, proof)
    list_revisions(script, channel)
    if job.comparison:
        channel.send(Compared(**function_of(job.comparison)(target.url())))


def _asker_of(job: Job, channel: Channel) -> Asker | None:
    """Return what asks before each statement, if the job wants that."""
    if job.command not in Command.ASKING:
        return None
    asker = Asker(channel)
    listen(asker)
    trace_drivers(asker)
    return asker


def _behave_as_a_command() -> None:
    """Let SIGINT end this process as Ctrl-C does, also where a shell has it ignored, and show output line by line."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _set_variables(job: Job, target: Target) -> None:
    """Set the variables of a project that were asked for, and those in which libpq's programs look for an address.

    A variable without a value, or with a scheme, gets the URL of the database.
    """
    os.environ.update(job.target["variables"])
    for name, value in job.environment.items():
        scheme = (value or os.environ.get(name, "")).partition("://")[0]
        is_url = not value or scheme.partition("+")[0] in {"postgres", "postgresql"}
        usual = scheme if scheme.startswith("postgres") else "postgresql"
        os.environ[name] = target.url(usual) if is_url else value


def _run_env(config: Any, script: Any, job: Job, channel: Channel, proof: Proof) -> None:
    """Run env.py as `alembic` does, once it is proved that its connection leads to the target."""
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationStep
    from sqlalchemy import text

    target = job.revision

    def revisions(heads: Any, context: Any) -> Any:
        name = context.connection.dialect.identifier_preparer.format_table(context._version)  # noqa: SLF001
        rows = context.connection.execute(text(_VERSION_TABLE), {"name": name}).fetchall()
        tables = [str(row[0]) for row in rows]
        channel.send(VersionTable(tables, "", None, None))
        if job.command == Command.DEPLOY_UNDO:
            return [MigrationStep.downgrade_from_script(script.revision_map, script.get_revision(target))]
        return script._upgrade_revs(target, heads)  # noqa: SLF001

    with EnvironmentContext(
        config, script, fn=revisions, as_sql=False, starting_rev=None, destination_rev=target, tag=None
    ) as environment:
        original = environment.configure

        def configure(*args: Any, **named: Any) -> None:
            original(*args, **named)
            _refuse_history(script, target)  # env.py has set up by now what the files of revisions import
            context = environment.get_context()
            if context.connection is not None:  # env.py only writes SQL otherwise
                _prove_before_revisions(context, channel, proof)

        environment.configure = configure  # type: ignore[method-assign]
        script.run_env()


def _prove_before_revisions(context: Any, channel: Channel, proof: Proof) -> None:
    """Prove a connection right before revisions run on it: env.py may refuse it first, as one through a pooler."""
    run_migrations = context.run_migrations

    def prove_and_run(**named: Any) -> None:
        connection = context.connection
        pid = value_of(connection.connection, "SELECT pg_catalog.pg_backend_pid()")
        proof.of(connection)
        if pid == str(_announced_pid(connection.connection)):  # a pooler announces other numbers
            channel.send(Session(int(pid)))
        run_migrations(**named)

    context.run_migrations = prove_and_run


def _refuse_history(script: Any, target: str) -> None:
    """Raise an error where a target means several revisions.

    Raises:
        HistoryError: It does.
    """
    refuse_names_of_places(script)
    heads = sorted(script.get_heads())
    if target == "head" and len(heads) > 1:
        raise HistoryError(
            f'there are {len(heads)} heads: {", ".join(heads)}\n  hint: Join them: alembic merge -m "merge" heads'
        )


def _announced_pid(connection: Any) -> Any:
    """Return the process that the peer announced when connecting; None where the driver does not say."""
    driver = getattr(connection, "driver_connection", None) or connection
    if hasattr(driver, "get_server_pid"):  # asyncpg
        return driver.get_server_pid()
    return getattr(getattr(driver, "info", None), "backend_pid", None)  # psycopg, psycopg2
