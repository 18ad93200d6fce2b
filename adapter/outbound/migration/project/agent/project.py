"""Alembic's side: the configuration, the history, and the ways in which revisions are run."""

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

from .failures import failure, is_of_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .channel import Channel
    from .proof import Proof
    from .redirect import Sandbox
    from .tracing import Tracer


_SCHEME = re.compile(r"postgres(ql)?(\+\w+)?")
_CONNINFO = re.compile(r"(\s*\w+\s*=\s*('(?:[^'\\]|\\.)*'|\S+))+\s*")
_QUALIFIED = """
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = pg_catalog.to_regclass(:name)
"""
_NO_FILE = os.devnull + "/none"  # libpq is silent about a file that is not there
_PLACE = re.compile(r"\b(host|hostaddr|dbname|service)\s*=")
# Variables of libpq that say where to go and how to sign in; settings of the session, such as PGOPTIONS, stay.
_PG_ADDRESS = re.compile(
    r"PG(HOST|HOSTADDR|PORT|DATABASE|USER|PASSWORD|PASSFILE|SERVICE|SERVICEFILE|SYSCONFDIR|SSL\w*|REQUIRE\w*|"
    r"CHANNELBINDING|GSS\w*|KRBSRVNAME|TARGETSESSIONATTRS|LOADBALANCEHOSTS)$"
)


def configure(job: dict[str, Any], sandbox: Sandbox) -> Any:
    """Return Alembic's configuration, and set the variables that an env.py reads, to the sandbox's address."""
    from alembic.config import Config

    path = str(job["config"])
    name = job.get("name") or "alembic"
    config = Config(toml_file=path) if path.endswith(".toml") else Config(path, ini_section=name)
    config.cmd_opts = argparse.Namespace(
        x=job.get("x_arguments") or None, config=path, name=name, raiseerr=False, quiet=False, sql=False, tag=None
    )
    _set_variables(job.get("environment") or {}, sandbox)
    with suppress(Exception):  # a value that does not interpolate is nobody's URL
        scheme = (config.get_main_option("sqlalchemy.url") or "").partition("://")[0]
        url = sandbox.url(scheme if _SCHEME.fullmatch(scheme) else _scheme())
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _set_variables(given: dict[str, str | None], sandbox: Sandbox) -> None:
    """Set the variables of the project; whatever holds an address of Postgres holds the sandbox's."""
    for variable in [name for name in os.environ if _PG_ADDRESS.match(name)]:
        del os.environ[variable]
    os.environ.update(PGHOST=sandbox.host, PGPORT=str(sandbox.port), PGUSER=sandbox.user, PGDATABASE=sandbox.database)
    os.environ.update(PGPASSWORD=sandbox.password or "", PGPASSFILE=_NO_FILE, PGSERVICEFILE=os.devnull)
    for variable, value in list(os.environ.items()):
        scheme, separator, _ = value.partition("://")
        if separator and _SCHEME.fullmatch(scheme):
            os.environ[variable] = sandbox.url(scheme)
        elif _CONNINFO.fullmatch(value) and _PLACE.search(value):
            os.environ[variable] = sandbox.conninfo()
    for variable, wanted in {"DATABASE_URL": None, **given}.items():
        scheme = (wanted or os.environ.get(variable, "")).partition("://")[0]
        if wanted and not _SCHEME.fullmatch(scheme):
            os.environ[variable] = wanted
        else:
            os.environ[variable] = sandbox.url(scheme if _SCHEME.fullmatch(scheme) else "postgresql")


def list_revisions(script: Any, channel: Channel) -> None:
    """Report the history from base to heads."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        revisions = list(script.walk_revisions())
        heads = script.get_heads()
    for warning in said:
        if "present more than once" in str(warning.message) or "is not present" in str(warning.message):
            channel.send("problem", error=str(warning.message), kind="history", path=None, line=None)
    for one in reversed(revisions):
        assured = getattr(one.module, "safety_assured", None)
        channel.send(
            "revision",
            revision=one.revision,
            down_revision=_tuple(one.down_revision),
            depends_on=_tuple(one.dependencies),
            path=str(one.path),
            message=one.doc,
            docstring=one.module.__doc__ or "",
            branch_labels=sorted(one.branch_labels or ()),
            is_head=one.revision in heads,
            safety_assured=assured if isinstance(assured, dict) else {},
            lossy_downgrade=getattr(one.module, "lossy_downgrade", None),
            irreversible=getattr(one.module, "irreversible", None),
        )


def _tuple(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def script_of(config: Any) -> Any:
    """Read the folder of revisions."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config)


def run_env(config: Any, script: Any, steps: Callable[[Any, Any], Any], target: str) -> None:
    """Run env.py as Alembic's commands do, with revisions that are loaded already."""
    from alembic.runtime.environment import EnvironmentContext

    with EnvironmentContext(
        config, script, fn=steps, as_sql=False, starting_rev=None, destination_rev=target, tag=None
    ) as environment:
        _note_configure(environment)
        script.run_env()


def _note_configure(environment: Any) -> None:
    """Note in the environment which line of the project's configures it."""
    original = environment.configure

    @functools.wraps(original)
    def configure_and_note(*args: Any, **named: Any) -> Any:
        frame = sys._getframe(1)  # noqa: SLF001 - the stack is the only witness
        while frame.f_back is not None and not is_of_project(frame.f_code.co_filename):
            frame = frame.f_back
        configured_at[:] = [frame.f_code.co_filename, frame.f_lineno]
        return original(*args, **named)

    environment.configure = configure_and_note


configured_at: list[Any] = []  # file and line of the last call of `context.configure`


def report_version_table(channel: Channel, _heads: Any, context: Any) -> list[Any]:
    """Report where the project's versions are written, and keep that as a first revision would.

    Returns:
        No steps: nothing is run.
    """
    from sqlalchemy import text

    connection = context.connection
    name = connection.dialect.identifier_preparer.format_table(context._version)  # noqa: SLF001
    found = connection.execute(text(_QUALIFIED), {"name": name}).fetchall()
    channel.send("version_table", names=[str(row[0]) for row in found], **_transactions(context))
    with context.begin_transaction(_per_migration=True):
        pass  # commits what a first revision would commit
    return []


def _transactions(context: Any) -> dict[str, Any]:
    """Return whether all revisions would run in one transaction, why, and which line of env.py decides that."""
    reason = ""
    if getattr(context, "_in_external_transaction", False):
        reason = "external"
    elif context.impl.transactional_ddl and not getattr(context, "_transaction_per_migration", False):
        reason = "default"
    path, line = configured_at or (None, None)
    return {"one_transaction": reason, "path": path, "line": line}


def undo(config: Any, script: Any, revision: str) -> None:
    """Run the downgrade of one revision, and no other's, whatever branches there are."""
    from alembic.runtime.migration import MigrationStep

    step = MigrationStep.downgrade_from_script(script.revision_map, script.get_revision(revision))
    run_env(config, script, lambda _heads, _context: [step], revision)


def climb(config: Any, script: Any, steps: list[tuple[str, str]], channel: Channel) -> None:
    """Run single steps on one connection, each committed before the parent is asked whether to go on."""
    from alembic.runtime.migration import MigrationStep

    make = {"upgrade": MigrationStep.upgrade_from_script, "downgrade": MigrationStep.downgrade_from_script}
    waiting = list(steps)

    def run(_heads: Any, context: Any) -> Iterator[Any]:
        while waiting:  # an env.py that tries again after a lock goes on where it was
            revision, direction = waiting[0]
            yield make[direction](script.revision_map, script.get_revision(revision))
            with context.autocommit_block():
                pass  # ends a transaction that was to hold all revisions
            del waiting[0]
            if channel.ask("stepped", revision=revision, direction=direction) != "on":
                return

    run_env(config, script, run, "heads")


def watch_revisions(channel: Channel, tracer: Tracer | None, proof: Proof) -> None:
    """Report the begin and the end of each upgrade and downgrade function, and let none begin outside the sandbox."""
    from alembic import op
    from alembic.runtime.migration import RevisionStep

    original = RevisionStep.__init__

    @functools.wraps(original)
    def init(self: Any, revision_map: Any, revision: Any, is_upgrade: bool) -> None:
        original(self, revision_map, revision, is_upgrade)
        function = self.migration_fn
        names = {"revision": revision.revision, "direction": "upgrade" if is_upgrade else "downgrade"}

        @functools.wraps(function)
        def migrate(*args: Any, **named: Any) -> Any:
            proof.of(op.get_context().connection)
            channel.send("begin", **names)
            try:
                with tracer.running(path=revision.path, **names) if tracer else nullcontext():
                    result = function(*args, **named)
            except BaseException as error:
                channel.send("end", **names, **failure(error, revision.path))
                raise
            channel.send("end", **names, error=None)
            return result

        self.migration_fn = migrate

    RevisionStep.__init__ = init  # type: ignore[method-assign]


def set_up(name: str, sandbox: Sandbox) -> None:
    """Call a function of the project; one that takes an argument gets an engine, or a connection if it says so."""
    from sqlalchemy import create_engine, pool

    module, _, path = name.partition(":")
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    function = operator.attrgetter(path)(importlib.import_module(module))
    engine = create_engine(sandbox.url(_scheme()), poolclass=pool.NullPool)
    asked = [
        one
        for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.kind < one.VAR_POSITIONAL
    ] or [one for one in inspect.signature(function).parameters.values() if one.name in {"bind", "engine"}]
    with (
        engine.begin()
        if asked and "conn" in f"{asked[0].name} {asked[0].annotation}".lower()
        else nullcontext(engine) as given
    ):
        result = function(given) if asked else function()
        if inspect.iscoroutine(result):
            asyncio.run(result)


def _scheme() -> str:
    """Name a driver that the project has; what SQLAlchemy takes by itself depends on its version."""
    found = (driver for driver in ("psycopg", "psycopg2", "pg8000") if importlib.util.find_spec(driver))
    return f"postgresql+{next(found, 'psycopg')}"
