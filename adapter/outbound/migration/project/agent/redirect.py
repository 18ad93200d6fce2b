"""Redirects every Postgres connection of the process to the sandbox, and refuses connections to other servers."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from .drivers import psycopg2_cursor
from .failures import RefusedError

if TYPE_CHECKING:
    from .protocol import Job

# This only produces a clear message, and protects nothing: a database that is created all the same is dropped with the
# sandbox, and the sandbox's role cannot drop the databases of others.
_OTHER_DATABASES = re.compile(r"\s*(create|drop)\s+database\b", re.IGNORECASE)

_ESCAPED = re.compile(r"[\\\s]")  # separates options, or escapes a separator

# Parameters for the address and the authentication, which are replaced. All others, such as `options`, stay.
ADDRESS_PARAMETERS = {
    "host",
    "hostaddr",
    "port",
    "user",
    "password",
    "dbname",
    "database",
    "dsn",
    "conninfo",
    "service",
    "passfile",
    "ssl",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "sslcrl",
    "sslnegotiation",
    "direct_tls",
    "channel_binding",
    "require_auth",
    "gssencmode",
    "krbsrvname",
    "gsslib",
    "target_session_attrs",
    "load_balance_hosts",
    "unix_sock",
    "ssl_context",
}


class Sandbox:
    """The database to which all connections of a job are redirected.

    Attributes:
        defaults: Settings of sessions, by name, unless the project sets them itself.
        settings: Settings of all sessions, by name, which override those of the project.
        identity_query: A query whose result tells the database from any other.
        identity: Its result there.
        is_traced: Whether the cursors of psycopg2 are replaced by those that can be traced.
        opened: How often the drivers were asked to connect.
    """

    is_traced = True
    identity_query = "SELECT pg_catalog.current_database()"  # each database of a sandbox has a new random name

    def __init__(self) -> None:
        self.defaults: dict[str, str] = {}
        self.settings: dict[str, str] = {}
        self.opened = 0

    def point_at(self, job: Job) -> None:
        """Set the address and the settings to those of a job."""
        self.host = str(job.address["host"])
        self.port = int(job.address["port"])
        self.user = str(job.address["user"])
        self.password = job.address["password"] or None
        self.database = self.identity = str(job.address["dbname"])
        self.defaults = dict(job.settings)
        self.settings = {}
        if job.statement_timeout_ms:
            self.settings["statement_timeout"] = str(job.statement_timeout_ms)
        if job.trace:
            # parallel workers count their scans in their own sessions, not in the traced transaction
            self.settings["max_parallel_workers_per_gather"] = "0"
            self.settings["max_parallel_maintenance_workers"] = "0"

    def url(self, scheme: str = "postgresql") -> str:
        """Return the URL, in the form that libpq, asyncpg and SQLAlchemy all read."""
        user = quote(self.user, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        database = quote(self.database, safe="")
        if self.host.startswith("/"):
            return f"{scheme}://{user}@/{database}?host={quote(self.host, safe='/')}&port={self.port}"
        return f"{scheme}://{user}@{self.host}:{self.port}/{database}"

    def conninfo(self) -> str:
        """Return the address as libpq's list of keywords and values."""
        parts = {"host": self.host, "port": self.port, "user": self.user, "dbname": self.database}
        if self.password:
            parts["password"] = self.password
        quoted = {name: str(value).replace("\\", r"\\").replace("'", r"\'") for name, value in parts.items()}
        return " ".join(f"{name}='{value}'" for name, value in quoted.items())

    def session(self, requested: dict[str, str] | None) -> dict[str, str]:
        """Return the settings of a session for which the project requests some settings itself."""
        return {**self.defaults, **(requested or {}), **self.settings}

    def libpq(self, positional: tuple[Any, ...], named: dict[str, Any], database: str) -> dict[str, Any]:
        """Return arguments for psycopg or psycopg2 in which the address is replaced.

        The session's options and its name stay, also those in a connection string.

        Args:
            positional: Positional arguments of the caller, of which the first may be a connection string.
            named: Keyword arguments of the caller.
            database: Name of the driver's parameter for the database.
        """
        text = next((value for value in (*positional, named.get("dsn"), named.get("conninfo")) if value), None)
        arguments = {
            **parameters_of(text),
            **{name: value for name, value in named.items() if name not in ADDRESS_PARAMETERS},
        }
        # when two options set the same parameter, the later one wins
        options = (
            _options(self.defaults),
            arguments.get("options") or os.environ.get("PGOPTIONS"),
            _options(self.settings),
        )
        arguments["options"] = " ".join(filter(None, options))
        arguments.update(host=self.host, port=self.port, user=self.user)
        arguments[database] = self.database
        if self.password:
            arguments["password"] = self.password
        return arguments

    def asyncpg(self, named: dict[str, Any]) -> dict[str, Any]:
        """Return arguments for asyncpg in which the address is replaced."""
        arguments = {name: value for name, value in named.items() if name not in ADDRESS_PARAMETERS}
        arguments["server_settings"] = self.session(arguments.get("server_settings"))
        arguments.update(host=self.host, port=self.port, user=self.user, database=self.database)
        if self.password:
            arguments["password"] = self.password
        return arguments

    def pg8000(self, named: dict[str, Any]) -> dict[str, Any]:
        """Return arguments for pg8000 in which the address is replaced."""
        arguments = {name: value for name, value in named.items() if name not in ADDRESS_PARAMETERS}
        arguments.update(user=self.user, database=self.database, port=self.port, password=self.password)
        if self.host.startswith("/"):
            arguments["unix_sock"] = f"{self.host}/.s.PGSQL.{self.port}"
        else:
            arguments["host"] = self.host
        return arguments


def parameters_of(text: Any) -> dict[str, str]:
    """Return the parameters of a connection string that are kept: the session's options and its name."""
    if not isinstance(text, str):
        return {}
    if "://" in text:
        parameters = dict(parse_qsl(urlsplit(text).query))
    else:
        parameters = {
            name: value.strip("'") for name, value in re.findall(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", text)
        }
    return {name: value for name, value in parameters.items() if name in {"options", "application_name"}}


def _options(settings: dict[str, str]) -> str:
    """Return settings as options of the server's command line."""
    return " ".join(f"-c {name}={_ESCAPED.sub(_escape, value)}" for name, value in settings.items())


def _escape(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def redirect_drivers(sandbox: Sandbox) -> None:
    """Patch each installed driver so that it connects to the sandbox, whatever address it gets."""
    for redirect in (_redirect_psycopg, _redirect_psycopg2, _redirect_asyncpg, _redirect_pg8000):
        with suppress(ImportError):
            redirect(sandbox)


def _redirect_psycopg(sandbox: Sandbox) -> None:
    psycopg: Any = importlib.import_module("psycopg")
    for connection_class in (psycopg.Connection, psycopg.AsyncConnection):
        _redirect_class_of_psycopg(connection_class, sandbox)
    psycopg.connect = psycopg.Connection.connect


def _redirect_class_of_psycopg(connection_class: Any, sandbox: Sandbox) -> None:
    original = connection_class.__dict__["connect"].__func__

    @functools.wraps(original)
    def connect(cls: Any, conninfo: str = "", **named: Any) -> Any:
        sandbox.opened += 1
        return original(cls, **sandbox.libpq((conninfo,), named, "dbname"))

    redirected: Any = connect
    connection_class.connect = classmethod(redirected)


def _redirect_psycopg2(sandbox: Sandbox) -> None:
    psycopg2: Any = importlib.import_module("psycopg2")
    original_connect = psycopg2.connect
    traced_cursor = psycopg2_cursor(importlib.import_module("psycopg2.extensions"))

    @functools.wraps(original_connect)
    def connect_psycopg2(*args: Any, **named: Any) -> Any:
        sandbox.opened += 1
        traced = {"cursor_factory": traced_cursor} if sandbox.is_traced else {}
        return original_connect(**{**traced, **sandbox.libpq(args[:1], named, "dbname")})

    psycopg2.connect = connect_psycopg2


def _redirect_asyncpg(sandbox: Sandbox) -> None:
    asyncpg: Any = importlib.import_module("asyncpg")
    module: Any = importlib.import_module("asyncpg.connection")
    original_asyncpg_connect = module.connect

    @functools.wraps(original_asyncpg_connect)
    async def connect_asyncpg(*dsn: Any, **named: Any) -> Any:
        sandbox.opened += 1
        return await original_asyncpg_connect(**sandbox.asyncpg({**({"dsn": dsn[0]} if dsn else {}), **named}))

    module.connect = asyncpg.connect = connect_asyncpg


def _redirect_pg8000(sandbox: Sandbox) -> None:
    core: Any = importlib.import_module("pg8000.core")
    original_init = core.CoreConnection.__init__  # used by both interfaces of the driver

    @functools.wraps(original_init)
    def init_pg8000(self: Any, *args: Any, **named: Any) -> None:
        named.update(zip(inspect.signature(original_init).parameters, (self, *args)))  # noqa: B905 - Python 3.9
        named.pop("self", None)
        sandbox.opened += 1
        if "startup_params" in inspect.signature(original_init).parameters:  # older versions have no such parameter
            named["startup_params"] = sandbox.session(named.get("startup_params"))
        original_init(self, **sandbox.pg8000(named))

    core.CoreConnection.__init__ = init_pg8000


def redirect_engines(sandbox: Sandbox) -> None:
    """Patch SQLAlchemy so that each engine connects to the sandbox, and engines of other databases are refused."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "do_connect")
    def do_connect(dialect: Any, _record: Any, cargs: Any, cparams: dict[str, Any]) -> None:
        if dialect.name not in {"postgresql", "postgres"}:
            raise RefusedError(f"refused a connection to {dialect.name}: only Postgres can be analyzed")
        if dialect.driver == "asyncpg":
            arguments = sandbox.asyncpg(cparams)
        elif dialect.driver == "pg8000":
            arguments = sandbox.pg8000(cparams)
        elif dialect.driver.startswith("psycopg"):
            arguments = sandbox.libpq(tuple(cargs), cparams, "dbname")
        else:
            raise RefusedError(f"refused a connection through {dialect.driver}, which cannot be led to the sandbox")
        # some versions of SQLAlchemy pass an empty tuple, which cannot be cleared
        if cargs:
            cargs[:] = []
        cparams.clear()
        cparams.update(arguments)

    @event.listens_for(Engine, "before_cursor_execute")
    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        match = _OTHER_DATABASES.match(statement)
        if match:
            command = " ".join(match[0].upper().split())
            raise RefusedError(f"refused {command}: it reaches beyond the sandbox's database")
