"""Calls Alembic: reads the configuration and the history, and runs env.py and revisions."""

from __future__ import annotations

import argparse
import asyncio
import functools
import importlib
import importlib.util
import inspect
import operator
import os
import re
import sys
import warnings
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from .failures import HistoryError, failure, is_of_project, know_scripts
from .protocol import Begin, Command, End, Failed, Problem, Revision, VersionTable
from .questions import Stepped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .channel import Channel
    from .interceptor import Interceptor
    from .proof import Proof
    from .protocol import Job, OneTransaction
    from .questions import Direction
    from .redirect import Sandbox


_PLACES = frozenset({"base", "head", "heads"})  # of the history, as Alembic calls them
_SCHEME = re.compile(r"postgres(ql)?(\+\w+)?")
_CONNINFO = re.compile(r"(\s*\w+\s*=\s*('(?:[^'\\]|\\.)*'|\S+))+\s*")
_QUALIFIED_NAME = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass(:name)
"""
_NO_FILE = os.devnull + "/none"  # libpq ignores a missing file
_ADDRESS_KEYWORD = re.compile(r"\b(host|hostaddr|dbname|service)\s*=")
# Variables of libpq for the address and the authentication. Those for settings, such as PGOPTIONS, stay.
_PG_ADDRESS = re.compile(
    r"PG(HOST|HOSTADDR|PORT|DATABASE|USER|PASSWORD|PASSFILE|SERVICE|SERVICEFILE|SYSCONFDIR|SSL\w*|REQUIRE\w*|"
    r"CHANNELBINDING|GSS\w*|KRBSRVNAME|TARGETSESSIONATTRS|LOADBALANCEHOSTS)$"
)


def configure(job: Job, sandbox: Sandbox) -> Any:
    """Return Alembic's configuration with the sandbox's address, and set the environment variables of the project."""
    _set_variables(job.environment, sandbox)
    return configured(job, sandbox)


def configured(job: Job, sandbox: Sandbox) -> Any:
    """Return Alembic's configuration with the sandbox's address."""
    from alembic.config import Config

    path = job.config
    config = Config(toml_file=path) if path.endswith(".toml") else Config(path, ini_section=job.name)
    config.cmd_opts = argparse.Namespace(
        x=job.x_arguments or None,
        config=path if job.is_named else None,
        name=job.name,
        raiseerr=False,
        quiet=False,
        sql=False,
        tag=None,
    )
    with suppress(Exception):  # a value that cannot be interpolated is not used as a URL
        scheme = (config.get_main_option("sqlalchemy.url") or "").partition("://")[0]
        url = sandbox.url(scheme if _SCHEME.fullmatch(scheme) else _scheme())
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _set_variables(variables: dict[str, str], sandbox: Sandbox) -> None:
    """Set the environment variables of the project, and replace each address of Postgres by the sandbox's.

    Args:
        variables: Requested variables, as `environment` of a job.
        sandbox: The sandbox database.
    """
    for name in [name for name in os.environ if _PG_ADDRESS.match(name)]:
        del os.environ[name]
    os.environ.update(PGHOST=sandbox.host, PGPORT=str(sandbox.port), PGUSER=sandbox.user, PGDATABASE=sandbox.database)
    os.environ.update(PGPASSWORD=sandbox.password or "", PGPASSFILE=_NO_FILE, PGSERVICEFILE=os.devnull)
    for name, value in list(os.environ.items()):
        scheme, separator, _ = value.partition("://")
        if separator and _SCHEME.fullmatch(scheme):
            os.environ[name] = sandbox.url(scheme)
        elif _CONNINFO.fullmatch(value) and _ADDRESS_KEYWORD.search(value):
            os.environ[name] = sandbox.conninfo()
    for name, requested in {"DATABASE_URL": "", **variables}.items():
        scheme = (requested or os.environ.get(name, "")).partition("://")[0]
        if requested and not _SCHEME.fullmatch(scheme):
            os.environ[name] = requested
        else:
            os.environ[name] = sandbox.url(scheme if _SCHEME.fullmatch(scheme) else plain_scheme())


def list_revisions(script: Any, channel: Channel) -> None:
    """Report the history from base to heads."""
    with warnings.catch_warnings(record=True) as caught_warnings:
        warnings.simplefilter("always")
        try:
            refuse_names_of_places(script)
            revisions = list(script.walk_revisions())
            heads = script.get_heads()
        finally:  # Alembic warns of a missing parent, and then fails with a KeyError
            for warning in caught_warnings:
                if "present more than once" in str(warning.message) or "is not present" in str(warning.message):
                    channel.send(Problem(str(warning.message), "history", "", None, None, None, "", None, raised=False))
    for revision in reversed(revisions):
        safety_assured = getattr(revision.module, "safety_assured", None)
        channel.send(
            Revision(
                revision=revision.revision,
                down_revision=_as_list(revision.down_revision),
                depends_on=_as_list(revision.dependencies),
                path=str(revision.path),
                message=revision.doc,
                docstring=revision.module.__doc__ or "",
                branch_labels=sorted(revision.branch_labels or ()),
                is_head=revision.revision in heads,
                safety_assured=safety_assured if isinstance(safety_assured, dict) else {},
                lossy_downgrade=getattr(revision.module, "lossy_downgrade", None),
                irreversible=getattr(revision.module, "irreversible", None),
            )
        )


def refuse_names_of_places(script: Any) -> None:
    """Raise an error where the id of a revision is a word by which Alembic means a place in the history.

    Raises:
        HistoryError: It is.
    """
    scripts: dict[Any, Any] = script.revision_map._revision_map  # noqa: SLF001 - Alembic itself looks for the places
    for name in _PLACES & scripts.keys():
        if scripts[name].revision == name:
            raise HistoryError(
                f"The id of the revision in {os.path.basename(scripts[name].path)} is {name!r},"  # noqa: PTH119
                " which Alembic takes for a place in the history."
                "\n  hint: Give the revision another id, in its file and in the next one's down_revision."
            )


def _as_list(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def script_of(config: Any) -> Any:
    """Return Alembic's view of the folder of revisions."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(config)
    know_scripts([script.dir, *(script.version_locations or ())])
    return script


def run_env(config: Any, script: Any, steps: Callable[[Any, Any], Any], target: str) -> None:
    """Run env.py as Alembic's commands do, with revisions that are loaded already.

    Args:
        config: Alembic's configuration.
        script: Alembic's view of the folder of revisions.
        steps: Returns the steps to run, for the current heads and the migration context.
        target: Target of the command.
    """
    from alembic.runtime.environment import EnvironmentContext

    with EnvironmentContext(
        config, script, fn=steps, as_sql=False, starting_rev=None, destination_rev=target, tag=None
    ) as environment:
        _record_configure(environment)
        script.run_env()


def _record_configure(environment: Any) -> None:
    """Record in `configured_at` which line of the project calls `context.configure`."""
    original = environment.configure

    @functools.wraps(original)
    def configure_and_record(*args: Any, **named: Any) -> Any:
        frame = sys._getframe(1)  # noqa: SLF001 - only the stack has the caller
        while frame.f_back is not None and not is_of_project(frame.f_code.co_filename):
            frame = frame.f_back
        configured_at[:] = [frame.f_code.co_filename, frame.f_lineno]
        return original(*args, **named)

    environment.configure = configure_and_record


configured_at: list[Any] = []  # file and line of the last call of `context.configure`


def report_version_table(channel: Channel, _heads: Any, context: Any) -> list[Any]:
    """Report the project's version table, and commit its creation, as a first revision would.

    Returns:
        No steps: no revision is run.
    """
    from sqlalchemy import text

    connection = context.connection
    name = connection.dialect.identifier_preparer.format_table(context._version)  # noqa: SLF001
    rows = connection.execute(text(_QUALIFIED_NAME), {"name": name}).fetchall()
    path, line = configured_at or (None, None)
    channel.send(VersionTable([str(row[0]) for row in rows], _shared_transaction(context), path, line))
    with context.begin_transaction(_per_migration=True):
        pass  # the end of the block commits
    return []


def _shared_transaction(context: Any) -> OneTransaction:
    """Return whose transaction all revisions would run in."""
    if getattr(context, "_in_external_transaction", False):
        return "external"
    if context.impl.transactional_ddl and not getattr(context, "_transaction_per_migration", False):
        return "default"
    return ""


def undo(config: Any, script: Any, revision: str) -> None:
    """Run the downgrade of a single revision, whatever branches the history has."""
    from alembic.runtime.migration import MigrationStep

    step = MigrationStep.downgrade_from_script(script.revision_map, script.get_revision(revision))
    run_env(config, script, lambda _heads, _context: [step], revision)


def climb(config: Any, script: Any, steps: list[tuple[str, Direction]], channel: Channel) -> None:
    """Run single steps on one connection; after the commit of each step, ask the parent whether to continue."""
    from alembic.runtime.migration import MigrationStep

    step_makers = {
        Command.UPGRADE: MigrationStep.upgrade_from_script,
        Command.DOWNGRADE: MigrationStep.downgrade_from_script,
    }
    remaining = list(steps)

    def run(_heads: Any, context: Any) -> Iterator[Any]:
        while remaining:  # an env.py that retries after a lock timeout continues with the next step
            revision, direction = remaining[0]
            yield step_makers[direction](script.revision_map, script.get_revision(revision))
            with context.autocommit_block():
                pass  # commits a transaction that would span all revisions
            del remaining[0]
            if not channel.ask(Stepped(revision, direction)):
                return

    run_env(config, script, run, "heads")


def watch_revisions(channel: Channel, tracer: Interceptor | None, proof: Proof) -> None:
    """Report the begin and end of each upgrade and downgrade function, and refuse to run any outside the sandbox."""
    from alembic import op
    from alembic.runtime.migration import RevisionStep

    original = RevisionStep.__init__

    @functools.wraps(original)
    def init(self: Any, revision_map: Any, revision: Any, is_upgrade: bool) -> None:
        original(self, revision_map, revision, is_upgrade)
        function = self.migration_fn
        revision_id = revision.revision
        direction: Direction = Command.UPGRADE if is_upgrade else Command.DOWNGRADE

        @functools.wraps(function)
        def migrate(*args: Any, **named: Any) -> Any:
            proof.of(op.get_context().connection)
            channel.send(Begin(revision_id, direction))
            try:
                bind = op.get_context().connection
                with tracer.running(revision_id, direction, revision.path, bind) if tracer else nullcontext():
                    result = function(*args, **named)
            except BaseException as error:
                channel.send(Failed(**vars(failure(error, revision.path)), revision=revision_id, direction=direction))
                raise
            channel.send(End(revision_id, direction))
            return result

        self.migration_fn = migrate

    RevisionStep.__init__ = init  # type: ignore[method-assign]


def function_of(name: str) -> Callable[..., Any]:
    """Return a function of the project, written as `module:function`."""
    module, _, path = name.partition(":")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    function: Callable[..., Any] = operator.attrgetter(path)(importlib.import_module(module))
    return function


def set_up(name: str, sandbox: Sandbox) -> None:
    """Call a function of the project, with an engine, with a connection, or without an argument.

    It gets an argument when a parameter has no default, or is called `bind` or `engine`. The argument is a connection
    when the name or the annotation of the parameter has `conn` in it.

    Args:
        name: The function as `module:function`.
        sandbox: The sandbox database.
    """
    from sqlalchemy import create_engine, pool

    function = function_of(name)
    engine = create_engine(sandbox.url(_scheme()), poolclass=pool.NullPool)
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind < parameter.VAR_POSITIONAL
    ] or [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name in {"bind", "engine"}
    ]
    with (
        engine.begin()
        if parameters and "conn" in f"{parameters[0].name} {parameters[0].annotation}".lower()
        else nullcontext(engine) as argument
    ):
        result = function(argument) if parameters else function()
        if inspect.iscoroutine(result):
            asyncio.run(result)


def plain_scheme() -> str:
    """Return `postgresql`, or a scheme with an installed driver where SQLAlchemy would take one that is not there."""
    from sqlalchemy.engine import make_url

    driver = make_url("postgresql://").get_dialect().driver
    return "postgresql" if importlib.util.find_spec(driver) else _scheme()


def _scheme() -> str:
    """Return a URL scheme with an installed driver, because the default driver depends on SQLAlchemy's version."""
    installed_drivers = (driver for driver in ("psycopg", "psycopg2", "pg8000") if importlib.util.find_spec(driver))
    return f"postgresql+{next(installed_drivers, 'psycopg')}"
