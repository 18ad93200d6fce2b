"""Leads every Postgres connection of the process to the sandbox, and refuses those to other databases."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from .drivers import psycopg2_cursor
from .failures import RefusedError

# It explains, and is no wall: what gets past it is dropped with the sandbox, and what belongs to others is out of reach
# of the sandbox's role.
_OTHER_DATABASES = re.compile(r"\s*(create|drop)\s+database\b", re.IGNORECASE)

_ESCAPED = re.compile(r"[\\\s]")  # what parts options, or escapes what does

# Where a connection goes and as whom: replaced. All else that a caller asks for, such as `options`, stays.
_ADDRESS = {
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
    """The one database that this process may reach; each job has its own."""

    def __init__(self) -> None:
        self.defaults: dict[str, str] = {}  # of sessions whose project says nothing else
        self.settings: dict[str, str] = {}  # of all sessions, whatever the project says

    def point_at(self, job: dict[str, Any]) -> None:
        """Take the address of a job's database."""
        given = job["conninfo"]
        self.host = str(given["host"])
        self.port = int(given.get("port") or 5432)
        self.user = str(given["user"])
        self.password = given.get("password") or None
        self.database = str(given["dbname"])
        self.sslmode = given.get("sslmode")
        self.defaults = dict(job.get("settings") or {})
        self.settings = {}
        if job.get("statement_timeout_ms"):
            self.settings["statement_timeout"] = str(job["statement_timeout_ms"])
        if job.get("trace"):
            # Workers count their scans for themselves, not for the transaction that is watched.
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
        """Return libpq's other form of an address."""
        parts = {"host": self.host, "port": self.port, "user": self.user, "dbname": self.database}
        if self.password:
            parts["password"] = self.password
        quoted = {name: str(value).replace("\\", r"\\").replace("'", r"\'") for name, value in parts.items()}
        return " ".join(f"{name}='{value}'" for name, value in quoted.items())

    def session(self, given: dict[str, str] | None) -> dict[str, str]:
        """Return the settings of a session that a project gives some itself."""
        return {**self.defaults, **(given or {}), **self.settings}

    def libpq(self, positional: tuple[Any, ...], named: dict[str, Any], database: str) -> dict[str, Any]:
        """Replace the address in arguments of psycopg or psycopg2; other parameters of a connection string stay."""
        text = next((value for value in (*positional, named.get("dsn"), named.get("conninfo")) if value), None)
        kept = {**_parameters(text), **{name: value for name, value in named.items() if name not in _ADDRESS}}
        # of two that set the same, the later one holds
        parts = (_options(self.defaults), kept.get("options") or os.environ.get("PGOPTIONS"), _options(self.settings))
        kept["options"] = " ".join(filter(None, parts))
        kept.update(host=self.host, port=self.port, user=self.user)
        kept[database] = self.database
        if self.sslmode:
            kept["sslmode"] = self.sslmode
        if self.password:
            kept["password"] = self.password
        return kept

    def asyncpg(self, named: dict[str, Any]) -> dict[str, Any]:
        """Replace the address in arguments of asyncpg."""
        kept = {name: value for name, value in named.items() if name not in _ADDRESS}
        kept["server_settings"] = self.session(kept.get("server_settings"))
        kept.update(host=self.host, port=self.port, user=self.user, database=self.database)
        if self.sslmode:
            kept["ssl"] = self.sslmode
        if self.password:
            kept["password"] = self.password
        return kept

    def pg8000(self, named: dict[str, Any]) -> dict[str, Any]:
        """Replace the address in arguments of pg8000."""
        kept = {name: value for name, value in named.items() if name not in _ADDRESS}
        kept.update(user=self.user, database=self.database, port=self.port, password=self.password)
        if self.host.startswith("/"):
            kept["unix_sock"] = f"{self.host}/.s.PGSQL.{self.port}"
        else:
            kept["host"] = self.host
        return kept


def _parameters(text: Any) -> dict[str, str]:
    """Read what of a connection string is kept: the session's options and its name."""
    if not isinstance(text, str):
        return {}
    if "://" in text:
        found = dict(parse_qsl(urlsplit(text).query))
    else:
        found = {name: value.strip("'") for name, value in re.findall(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", text)}
    return {name: value for name, value in found.items() if name in {"options", "application_name"}}


def _options(settings: dict[str, str]) -> str:
    """Write settings as the server's command line has them."""
    return " ".join(f"-c {name}={_ESCAPED.sub(_escape, value)}" for name, value in settings.items())


def _escape(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def redirect_drivers(sandbox: Sandbox) -> None:
    """Let each driver that is installed connect to the sandbox, whatever it is asked for."""
    with suppress(ImportError):
        psycopg: Any = importlib.import_module("psycopg")
        for connection_class in (psycopg.Connection, psycopg.AsyncConnection):
            _redirect_psycopg(connection_class, sandbox)
        psycopg.connect = psycopg.Connection.connect
    with suppress(ImportError):
        psycopg2: Any = importlib.import_module("psycopg2")
        connect = psycopg2.connect
        traced = psycopg2_cursor(importlib.import_module("psycopg2.extensions"))

        @functools.wraps(connect)
        def connect_psycopg2(*args: Any, **named: Any) -> Any:
            return connect(**{"cursor_factory": traced, **sandbox.libpq(args[:1], named, "dbname")})

        psycopg2.connect = connect_psycopg2
    with suppress(ImportError):
        asyncpg: Any = importlib.import_module("asyncpg")
        module: Any = importlib.import_module("asyncpg.connection")
        connect_original = module.connect

        @functools.wraps(connect_original)
        async def connect_asyncpg(*_: Any, **named: Any) -> Any:
            return await connect_original(**sandbox.asyncpg(named))

        module.connect = asyncpg.connect = connect_asyncpg
    with suppress(ImportError):
        core: Any = importlib.import_module("pg8000.core")
        init = core.CoreConnection.__init__  # that of both of its interfaces

        @functools.wraps(init)
        def init_pg8000(self: Any, *args: Any, **named: Any) -> None:
            named.update(zip(inspect.signature(init).parameters, (self, *args)))  # noqa: B905 - Python 3.9
            named.pop("self", None)
            if "startup_params" in inspect.signature(init).parameters:  # older versions have no such thing
                named["startup_params"] = sandbox.session(named.get("startup_params"))
            init(self, **sandbox.pg8000(named))

        core.CoreConnection.__init__ = init_pg8000


def _redirect_psycopg(connection_class: Any, sandbox: Sandbox) -> None:
    original = connection_class.__dict__["connect"].__func__

    @functools.wraps(original)
    def connect(cls: Any, conninfo: str = "", **named: Any) -> Any:
        return original(cls, **sandbox.libpq((conninfo,), named, "dbname"))

    redirected: Any = connect
    connection_class.connect = classmethod(redirected)


def redirect_engines(sandbox: Sandbox) -> None:
    """Let each SQLAlchemy engine connect to the sandbox, and refuse those of other databases."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "do_connect")
    def do_connect(dialect: Any, _record: Any, cargs: Any, cparams: dict[str, Any]) -> None:
        if dialect.name not in {"postgresql", "postgres"}:
            raise RefusedError(f"refused a connection to {dialect.name}: only Postgres can be analyzed")
        if dialect.driver == "asyncpg":
            replaced = sandbox.asyncpg(cparams)
        elif dialect.driver == "pg8000":
            replaced = sandbox.pg8000(cparams)
        elif dialect.driver.startswith("psycopg"):
            replaced = sandbox.libpq(tuple(cargs), cparams, "dbname")
        else:
            raise RefusedError(f"refused a connection through {dialect.driver}, which cannot be led to the sandbox")
        # Some versions hand over a tuple: nothing can be cleared in it, and nothing positional is in it either.
        if cargs:
            cargs[:] = []
        cparams.clear()
        cparams.update(replaced)

    @event.listens_for(Engine, "before_cursor_execute")
    def refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found = _OTHER_DATABASES.match(statement)
        if found:
            command = " ".join(found[0].upper().split())
            raise RefusedError(f"refused {command}: it reaches beyond the sandbox's database")
