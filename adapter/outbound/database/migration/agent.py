"""Runs Alembic in the analyzed project's own Python and reports what Postgres said of each statement.

One file on purpose: it is run as a script by an interpreter that has none of our packages, Python 3.9 or later, with
`PYTHONSAFEPATH`, so that no neighbor of this file hides a library. It reads jobs from standard input, a JSON line each:

- `config`: path of an `alembic.ini` or a `pyproject.toml`; `name`: its section (default `alembic`).
- `cwd`: the directory to work in.
- `conninfo`: `host`, `port`, `user`, `password`, `dbname` of the sandbox database.
- `command`: `revisions` (report the history, and run env.py without any revision, so that later jobs find everything
  imported), `setup`, `upgrade`, `downgrade`, `undo` (the downgrade of just the one revision), `stairs` (single steps,
  on one connection), or `check` (whether the models match).
- `revision`: target of the command; for `setup` a `module:function` of the project.
- `steps`: of `stairs`: pairs of a revision and `upgrade` or `downgrade`. After each, `stepped` is asked.
- `trace`: whether statements are traced.
- `environment`: variables to set. An empty value or None stands for the sandbox's URL, a scheme such as
  `postgresql+asyncpg` for that URL with that scheme.
- `x_arguments`: what `alembic -x` would be given.
- `statement_timeout_ms`: after how many milliseconds the server cancels a statement; 0 for never.
- `kill_after`: the process kills itself after so many statements of a traced function, before it commits; 0 for never.
- `guard`: refuse what reaches beyond the database: roles, tablespaces, settings of the server. Other databases are
  refused in any case.
- `events`, `answers`: file descriptors; JSON lines are written to the first and read from the second.

Lines have an `event`: `started` and `exited` (of a job's process), `revision`, `problem` (of a history), `begin`,
`statement`, `end` (of one upgrade or downgrade function), `observe` and `observed` (answered by the parent), `error`,
`done`.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import importlib
import importlib.util
import inspect
import json
import operator
import os
import re
import signal
import sys
import threading
import time
import traceback
import warnings
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# They start no thread when they are imported, so that a process which has them can be forked.
_IMPORTED_ONCE = (
    "alembic.command",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.postgresql",
    "asyncpg",
    "psycopg",
    "psycopg2",
    "pgvector.sqlalchemy",
)
_NO_TRANSACTION = {"25001", "2D000"}  # cannot run inside a transaction block; cannot commit in it
_TRANSACTION_COMMAND = re.compile(
    r"\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare|lock|declare|close|fetch)\b", re.IGNORECASE
)
_FURTHER = re.compile(r";\s*\S")  # another command in the same text
_END = re.compile(r"\s*(commit|end|rollback|abort)\b", re.IGNORECASE)
_SAVEPOINT = re.compile(
    r"\s*(savepoint|release|rollback\s+(work\s+|transaction\s+)?to)\s+(savepoint\s+)?[^;]+;?\s*", re.IGNORECASE
)
_LOOKED_AT = 25  # times that the same statement of a loop is looked at; from then on it is counted
# What outlives a database, or is another.
_OTHER_DATABASES = re.compile(r"\s*(create|drop)\s+database\b", re.IGNORECASE)
_BEYOND = re.compile(
    r"\s*((create|alter|drop)\s+(role|user(?!\s+mapping)|group|tablespace)|alter\s+system)\b", re.IGNORECASE
)
_SETTING = re.compile(r"\s*(set|reset|show)\s", re.IGNORECASE)
_SCHEME = re.compile(r"postgres(ql)?(\+\w+)?")

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

# One round trip: what this transaction holds and has done so far.
_PROBE = """
WITH locks AS MATERIALIZED (
    SELECT locktype, relation, database, mode, granted, virtualtransaction
    FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid()
), counters AS MATERIALIZED (
    SELECT oid::bigint AS oid, pg_catalog.{0}numscans(oid) AS scans, pg_catalog.{0}tuples_returned(oid) AS read,
        pg_catalog.{0}tuples_inserted(oid) AS inserted, pg_catalog.{0}tuples_updated(oid) AS updated,
        pg_catalog.{0}tuples_deleted(oid) AS deleted
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'm', 'p')
)
SELECT pg_catalog.json_build_object(
    'pid', pg_catalog.pg_backend_pid(),
    'lock_timeout', pg_catalog.current_setting('lock_timeout'),
    'wal', (pg_catalog.pg_current_wal_insert_lsn() OPERATOR(pg_catalog.-) '0/0'::pg_catalog.pg_lsn)::bigint,
    'transaction', (SELECT pg_catalog.max(virtualtransaction) FROM locks),
    'locks', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(relation::bigint, mode)) FROM locks
        WHERE locktype = 'relation' AND granted AND relation::bigint >= 16384
        AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())),
    'counters', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(oid, scans, read, inserted, updated, deleted))
        FROM counters WHERE oid >= 16384 AND scans + read + inserted + updated + deleted > 0),
    'xid', (pg_catalog.pg_current_xact_id_if_assigned()::text::numeric % 4294967296)::bigint,
    'catalog', (SELECT pg_catalog.sum(inserted + updated + deleted) FROM counters WHERE oid < 16384)
)::text
"""
_PROBE_TRANSACTION = _PROBE.format("pg_stat_get_xact_")
_PROBE_TOTAL = _PROBE.format("pg_stat_get_")

_TRANSACTION = """
SELECT pg_catalog.max(virtualtransaction) FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid()
"""

# Everything in user schemas but what extensions brought: catalog, oid, column, oid of the table it belongs to, kind,
# name, hash of its properties. Relations have their file's number besides.
_CATALOG = r"""
WITH now AS MATERIALIZED (
    SELECT (pg_catalog.pg_current_xact_id_if_assigned()::text::numeric % 4294967296)::bigint AS number
), spaces AS MATERIALIZED (
    SELECT oid, nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), of_extension AS MATERIALIZED (
    SELECT classid, objid FROM pg_catalog.pg_depend WHERE deptype = 'e'
), relations AS MATERIALIZED (
    SELECT c.*, c.xmin AS version, pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name
    FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        AND e.objid = c.oid)
), objects (catalog, oid, sub, parent, kind, name, properties, file) AS (
    SELECT 'pg_class', c.oid, 0, coalesce(i.indrelid, 0),
        CASE c.relkind WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'm' THEN 'materialized view'
            WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type'
            ELSE 'table' END,
        c.name,
        row(c.relname, c.relnamespace, c.relowner, c.relkind, c.reloptions, c.relpersistence, c.relreplident,
            c.relrowsecurity, c.relforcerowsecurity, c.reltablespace, c.relam, c.relacl, c.relpartbound,
            i.indisvalid, i.indisready, i.indisunique, i.indisprimary, i.indisreplident, i.indisclustered,
            q.seqtypid, q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache, q.seqcycle, w.ev_action)::text,
        c.relfilenode
    FROM relations c
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    LEFT JOIN pg_catalog.pg_sequence q ON q.seqrelid = c.oid
    LEFT JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid AND w.rulename = '_RETURN'
    WHERE true {relation}
    UNION ALL
    SELECT 'pg_class', a.attrelid, a.attnum, a.attrelid, 'table column',
        c.name || '.' || pg_catalog.quote_ident(a.attname),
        row(a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated, a.attstorage,
            a.attcompression, a.attstattarget, a.attcollation, a.attoptions, a.attacl, d.adbin)::text, 0
    FROM relations c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'p', 'f') {column}
    UNION ALL
    SELECT 'pg_constraint', o.oid, 0, o.conrelid, 'table constraint',
        pg_catalog.quote_ident(o.conname) || ' on ' || c.name, o::text, 0
    FROM pg_catalog.pg_constraint o JOIN relations c ON c.oid = o.conrelid WHERE true {o}
    UNION ALL
    SELECT 'pg_constraint', o.oid, 0, 0, 'domain constraint',
        pg_catalog.quote_ident(o.conname) || ' on ' || pg_catalog.format_type(o.contypid, NULL), o::text, 0
    FROM pg_catalog.pg_constraint o JOIN spaces s ON s.oid = o.connamespace WHERE o.contypid <> 0 {o}
    UNION ALL
    SELECT 'pg_type', t.oid, 0, 0, 'type',
        pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(t.typname),
        t::text || coalesce((SELECT pg_catalog.string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder)
            FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), ''), 0
    FROM pg_catalog.pg_type t JOIN spaces s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typcategory <> 'A'
        AND NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
            AND e.objid = t.oid) {type}
    UNION ALL
    SELECT 'pg_proc', p.oid, 0, 0,
        CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
        pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(p.proname)
            || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', p::text, 0
    FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM of_extension e WHERE e.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
        AND e.objid = p.oid) {p}
    UNION ALL
    SELECT 'pg_trigger', t.oid, 0, t.tgrelid, 'trigger', pg_catalog.quote_ident(t.tgname) || ' on ' || c.name,
        t::text, 0
    FROM pg_catalog.pg_trigger t JOIN relations c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal {t}
    UNION ALL
    SELECT 'pg_rewrite', w.oid, 0, w.ev_class, 'rule', pg_catalog.quote_ident(w.rulename) || ' on ' || c.name,
        w::text, 0
    FROM pg_catalog.pg_rewrite w JOIN relations c ON c.oid = w.ev_class WHERE w.rulename <> '_RETURN' {w}
    UNION ALL
    SELECT 'pg_policy', p.oid, 0, p.polrelid, 'policy', pg_catalog.quote_ident(p.polname) || ' on ' || c.name,
        p::text, 0
    FROM pg_catalog.pg_policy p JOIN relations c ON c.oid = p.polrelid WHERE true {p}
    UNION ALL
    SELECT 'pg_statistic_ext', x.oid, 0, x.stxrelid, 'statistics object',
        pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(x.stxname), x::text, 0
    FROM pg_catalog.pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace WHERE true {x}
    UNION ALL
    SELECT 'pg_extension', oid, 0, 0, 'extension', pg_catalog.quote_ident(extname), extversion, 0
    FROM pg_catalog.pg_extension
    UNION ALL
    SELECT 'pg_namespace', s.oid, 0, 0, 'schema', pg_catalog.quote_ident(s.nspname), n::text, 0
    FROM spaces s JOIN pg_catalog.pg_namespace n ON n.oid = s.oid
    UNION ALL
    SELECT classoid::pg_catalog.regclass::text, objoid, objsubid, -1, 'comment', '', description, 0
    FROM pg_catalog.pg_description WHERE objoid::bigint >= 16384
)
SELECT pg_catalog.json_build_object(
    'rows', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(catalog, oid::bigint, sub, parent::bigint, kind,
        name, pg_catalog.hashtextextended(properties, 0)::text, file::bigint)) FROM objects),
    'alive', {alive},
    'dropped_columns', {dropped_columns}
)::text
"""

_CATALOGS = (
    "pg_class",
    "pg_constraint",
    "pg_type",
    "pg_proc",
    "pg_trigger",
    "pg_rewrite",
    "pg_policy",
    "pg_statistic_ext",
    "pg_extension",
    "pg_namespace",
)


def _catalog_query() -> str:
    """Give the query of the whole catalog."""
    parts = dict.fromkeys(("column", "relation", "o", "type", "p", "t", "w", "x"), "")
    return _CATALOG.format(**parts, alive="NULL", dropped_columns="NULL")


def _changes_query() -> str:
    """Give the query of what the transaction has changed in the catalog.

    Rows that it wrote bear its number, or a later one of its savepoints.
    """

    def recent(*columns: str) -> str:
        parts = (f"{column}::text::bigint >= (SELECT number FROM now)" for column in columns)  # noqa: S608
        return f"AND ({' OR '.join(parts)})"

    # the only object of the user's that is older than the database is the schema public
    alive = ", ".join(
        f"'{catalog}', (SELECT pg_catalog.json_agg(oid::bigint) FROM pg_catalog.{catalog}"  # noqa: S608
        f" WHERE oid::bigint >= 16384 OR oid::bigint = 2200)"
        for catalog in _CATALOGS
    )
    return _CATALOG.format(
        column=recent("a.xmin", "d.xmin"),
        relation=recent("c.version", "i.xmin", "q.xmin", "w.xmin"),
        type="AND (t.xmin::text::bigint >= (SELECT number FROM now) OR EXISTS (SELECT FROM pg_catalog.pg_enum n"
        " WHERE n.enumtypid = t.oid AND n.xmin::text::bigint >= (SELECT number FROM now)))",
        **{alias: recent(f"{alias}.xmin") for alias in ("o", "p", "t", "w", "x")},
        alive=f"pg_catalog.json_build_object({alive})",
        dropped_columns="(SELECT pg_catalog.json_agg(pg_catalog.json_build_array(attrelid::bigint, attnum))"  # noqa: S608
        f" FROM pg_catalog.pg_attribute WHERE attisdropped {recent('xmin')})",
    )


_WHOLE_CATALOG = _catalog_query()
_CATALOG_CHANGES = _changes_query()

# Lock modes by strength, as pg_locks writes them.
_STRENGTH = {
    "AccessShareLock": 1,
    "RowShareLock": 2,
    "RowExclusiveLock": 3,
    "ShareUpdateExclusiveLock": 4,
    "ShareLock": 5,
    "ShareRowExclusiveLock": 6,
    "ExclusiveLock": 7,
    "AccessExclusiveLock": 8,
}


class RefusedError(Exception):
    """The project tried to connect to something that is not Postgres."""


class Channel:
    """The two pipes to the parent."""

    def __init__(self, events: int, answers: int | None) -> None:
        self._events = events
        self._answers = None if answers is None else os.fdopen(answers, encoding="utf-8")

    def send(self, event: str, **data: Any) -> None:
        """Write one line."""
        line = json.dumps({"event": event, **data}, default=str).encode() + b"\n"
        while line:
            line = line[os.write(self._events, line) :]

    def ask(self, event: str, **data: Any) -> Any:
        """Write one line and wait for the answer; None without a parent that answers."""
        if self._answers is None:
            return None
        self.send(event, **data)
        line = self._answers.readline()
        return json.loads(line) if line else None


class Sandbox:
    """The one database that this process may reach; each job has its own."""

    def __init__(self) -> None:
        self.guard = False
        self.settings: dict[str, str] = {}

    def point_at(self, job: dict[str, Any]) -> None:
        """Take the address of a job's database."""
        given = job["conninfo"]
        self.host = str(given["host"])
        self.port = int(given.get("port") or 5432)
        self.user = str(given["user"])
        self.password = given.get("password") or None
        self.database = str(given["dbname"])
        self.sslmode = given.get("sslmode")
        self.guard = bool(job.get("guard"))
        self.settings = {}
        if job.get("statement_timeout_ms"):
            self.settings["statement_timeout"] = str(job["statement_timeout_ms"])
        if job.get("trace"):
            # Workers count their scans for themselves, not for the transaction that is watched.
            self.settings["max_parallel_workers_per_gather"] = "0"
            self.settings["max_parallel_maintenance_workers"] = "0"

    def url(self, scheme: str = "postgresql") -> str:
        """Give the URL, in the form that libpq, asyncpg and SQLAlchemy all read."""
        user = quote(self.user, safe="") + (f":{quote(self.password, safe='')}" if self.password else "")
        database = quote(self.database, safe="")
        if self.host.startswith("/"):
            return f"{scheme}://{user}@/{database}?host={quote(self.host, safe='/')}&port={self.port}"
        return f"{scheme}://{user}@{self.host}:{self.port}/{database}"

    def libpq(self, positional: tuple[Any, ...], named: dict[str, Any], database: str) -> dict[str, Any]:
        """Replace the address in arguments of psycopg or psycopg2; other parameters of a connection string stay."""
        text = next((value for value in (*positional, named.get("dsn"), named.get("conninfo")) if value), None)
        kept = {**_parameters(text), **{name: value for name, value in named.items() if name not in _ADDRESS}}
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        kept["options"] = " ".join(filter(None, (kept.get("options"), options)))
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
        kept["server_settings"] = {**(kept.get("server_settings") or {}), **self.settings}
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
        traced = _psycopg2_cursor(importlib.import_module("psycopg2.extensions"))

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
        found = _OTHER_DATABASES.match(statement) or (_BEYOND.match(statement) if sandbox.guard else None)
        if found:
            command = " ".join(found[0].upper().split())
            raise RefusedError(f"refused {command}: it reaches beyond the sandbox's database")


class Catalog:
    """The catalog at one moment."""

    def __init__(self, objects: dict[tuple[str, int, int], list[Any]], comments: dict[Any, str]) -> None:
        self.objects = objects
        self.comments = comments
        relations = [row for row in objects.values() if row[0] == "pg_class" and row[2] == 0 and row[4] != "type"]
        self.names: dict[int, str] = {row[1]: row[5] for row in relations}
        stored = [row for row in relations if row[4] in {"table", "index", "materialized view"} and row[7]]
        self.files: dict[int, int] = {row[1]: row[7] for row in stored}
        self.indexes: set[int] = {row[1] for row in stored if row[4] == "index"}

    @classmethod
    def read(cls, answer: dict[str, Any], known: Catalog | None = None) -> Catalog | None:
        """Read the whole catalog, or what changed since another.

        Returns:
            None when something was renamed that other names begin with: then the whole must be read.
        """
        rows = answer["rows"] or []
        comments = {(row[0], row[1], row[2]): row[6] for row in rows if row[4] == "comment"}
        objects = {(row[0], row[1], row[2]): row for row in rows if row[4] != "comment"}
        if known is not None:
            for key, row in objects.items():
                old = known.objects.get(key)
                if old is not None and old[5] != row[5]:
                    return None
            alive = {catalog: set(oids or ()) for catalog, oids in answer["alive"].items()}
            gone = {("pg_class", relation, column) for relation, column in answer["dropped_columns"] or ()}
            kept = {key: row for key, row in known.objects.items() if key[1] in alive[key[0]] and key not in gone}
            objects = {**kept, **objects}
        return cls(objects, comments)

    def changes(self, later: Catalog) -> dict[str, list[tuple[str, str]]]:
        """Give what was created, altered and dropped since, as kinds and names."""
        created = {key for key in later.objects if key not in self.objects}
        dropped = {key for key in self.objects if key not in later.objects}
        altered = {key for key, row in self.objects.items() if key not in dropped and later.objects[key][6] != row[6]}
        for key in self.comments.keys() | later.comments.keys():
            owner = key if key in self.objects else (key[0], key[1], 0)
            if self.comments.get(key) != later.comments.get(key) and owner in self.objects and owner not in dropped:
                altered.add(owner)
        made = _described(later, created)
        gone = _described(self, dropped)
        again = [item for item in made if item in gone]  # made anew under its name: an index after a change of type
        return {
            "created": [item for item in made if item not in again],
            "dropped": [item for item in gone if item not in again],
            "altered": list(dict.fromkeys(_described(self, altered) + again)),
        }

    def rewritten(self, later: Catalog) -> list[int]:
        """Give the tables and indexes that got another file since."""
        return [oid for oid, file in self.files.items() if later.files.get(oid, file) != file]

    def built(self, later: Catalog) -> list[int]:
        """Give the indexes with a file that was not there; one that took over another's file was not built."""
        known = set(self.files.values())
        return [oid for oid in later.indexes if oid not in self.files and later.files[oid] not in known]


def _described(catalog: Catalog, keys: set[tuple[str, int, int]]) -> list[tuple[str, str]]:
    """Give kinds and names, without columns and constraints of tables that are named themselves."""
    found = []
    for key in sorted(keys, key=lambda one: (catalog.objects[one][4] != "table", one)):
        row = catalog.objects[key]
        part = row[4] in {"table column", "table constraint"}
        if not (part and ("pg_class", row[3], 0) in keys):
            found.append((row[4], row[5]))
    return found


class Run:
    """One upgrade or downgrade function while it runs.

    Attributes:
        revision: Its id.
        direction: `upgrade` or `downgrade`.
        path: The revision's file.
        before: Relations that were there before its first statement: names by oid; None until that.
        transactions: Numbers of its transactions.
    """

    def __init__(self, revision: str, direction: str, path: str) -> None:
        self.revision = revision
        self.direction = direction
        self.path = os.path.realpath(path)
        self.before: dict[int, str] | None = None
        self.transactions: dict[str, int] = {}

    def transaction(self, name: str) -> int:
        """Number a transaction, from 1."""
        return self.transactions.setdefault(name, len(self.transactions) + 1)


class Session:
    """Our cursors on the connection that executes a statement."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def autocommit(self) -> bool:
        """Whether each statement commits by itself."""
        return bool(getattr(self.connection, "autocommit", False))

    def run(self, sql: str) -> None:
        """Execute a command."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql)
        finally:
            cursor.close()

    def value(self, sql: str, *, again: bool = False) -> Any:
        """Execute a query of one row and one column; one that comes again is planned once, where the driver can."""
        cursor = self.connection.cursor()
        prepare = {"prepare": True} if again and _prepares(cursor) else {}
        try:
            cursor.execute(sql, **prepare)
            row = cursor.fetchone()
        finally:
            cursor.close()
        return next(iter(row.values())) if isinstance(row, dict) else row[0]

    def probe(self, sql: str = _PROBE_TRANSACTION) -> dict[str, Any]:
        """Ask for locks and counters."""
        return dict(json.loads(self.value(sql, again=True)))

    def catalog(self, known: Catalog | None = None, since: int | None = None) -> Catalog:
        """Ask for the catalog; with another and the current transaction's number, only for what that changed."""
        if known is not None and since is not None:
            changed = Catalog.read(json.loads(self.value(_CATALOG_CHANGES, again=True)), known)
            if changed is not None:
                return changed
        whole = Catalog.read(json.loads(self.value(_WHOLE_CATALOG)))
        assert whole is not None  # noqa: S101 - nothing was compared
        return whole

    def in_block(self) -> bool:
        """Tell whether the author opened a transaction in spite of autocommit."""
        return bool(self.value(_TRANSACTION) == self.value(_TRANSACTION))


def _prepares(cursor: Any) -> bool:
    """Tell whether a cursor prepares when it is told to; other drivers do so by themselves, or never."""
    psycopg = sys.modules.get("psycopg")
    return psycopg is not None and isinstance(cursor, psycopg.Cursor) and not isinstance(cursor, psycopg.ClientCursor)


class Loop:
    """Statements that a revision executes again and again in one transaction, a row each, such as those of an ORM.

    Attributes:
        session: The connection of those that were only counted.
        before: What the transaction had done before them.
        counted: By text and line: how many times, milliseconds, and the report of the last one that was looked at.
    """

    def __init__(self) -> None:
        self.session: Session
        self.before: dict[str, Any] = {}
        self.counted: dict[tuple[str, Any], list[Any]] = {}
        self._seen: dict[tuple[str, Any], tuple[int, dict[str, Any]]] = {}

    def saw(self, report: dict[str, Any]) -> None:
        """Note a statement that was looked at, and that changed no schema."""
        key = report["sql"], report["line"]
        self._seen[key] = self._seen.get(key, (0, report))[0] + 1, report

    def goes_on(self, report: dict[str, Any], session: Session) -> bool:
        """Tell whether enough of these have been looked at."""
        times, seen = self._seen.get((report["sql"], report["line"]), (0, None))
        same = not self.counted or self.session.connection is session.connection
        return seen is not None and times >= _LOOKED_AT and same and not session.autocommit

    def count(self, report: dict[str, Any], session: Session, before: dict[str, Any], milliseconds: float) -> None:
        """Count one that was not looked at."""
        if not self.counted:
            self.session, self.before = session, before
        key = report["sql"], report["line"]
        entry = self.counted.setdefault(key, [0, 0.0, self._seen[key][1]])
        entry[0] += 1
        entry[1] += milliseconds

    def reports(self, total: dict[str, Any], wal: int) -> Iterator[dict[str, Any]]:
        """Give a report of each statement, and end: what they did together goes to those that did such things."""
        counted, self.counted = self.counted, {}
        for kind in ("rows", "scanned"):
            for table in total[kind]:
                doer = next((key for key, one in counted.items() if table in one[2].get(kind, ())), next(iter(counted)))
                counted[doer].append((kind, table, total[kind][table]))
        for times, milliseconds, report, *done in counted.values():
            wrote = any(kind == "rows" for kind, _, _ in done)
            yield {
                **report,
                "count": times,
                "duration_ms": milliseconds,
                "wal_bytes": wal if wrote else 0,
                "locks": {},
                "rows": {table: figures for kind, table, figures in done if kind == "rows"},
                "scanned": {table: figures for kind, table, figures in done if kind == "scanned"},
            }
            wal = 0 if wrote else wal


class Tracer:
    """Takes over the execution of statements while a revision runs."""

    def __init__(self, channel: Channel, kill_after: int = 0) -> None:
        self._channel = channel
        self._left = kill_after
        self._run: Run | None = None
        self._catalog: Catalog | None = None
        self._pid: int | None = None
        self._busy = False
        # The author ended a transaction behind the driver's back: some drivers do not begin another.
        self._ended = False
        # What the last statement of a transaction left is what the next one finds.
        self._left_behind: tuple[Any, dict[str, Any]] | None = None
        self._loop = Loop()

    def install(self) -> None:
        """Listen to every engine."""
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        @event.listens_for(Engine, "do_execute")
        def do_execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
            return self._take(
                statement, context, lambda: context.dialect.do_execute(cursor, statement, parameters, context)
            )

        @event.listens_for(Engine, "do_execute_no_params")
        def do_execute_no_params(cursor: Any, statement: str, context: Any) -> bool:
            return self._take(
                statement, context, lambda: context.dialect.do_execute_no_params(cursor, statement, context)
            )

        @event.listens_for(Engine, "do_executemany")
        def do_executemany(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
            return self._take(
                statement, context, lambda: context.dialect.do_executemany(cursor, statement, parameters, context)
            )

        @event.listens_for(Engine, "commit")
        def commit(_connection: Any) -> None:
            self._forget()

        @event.listens_for(Engine, "rollback")
        def rollback(_connection: Any) -> None:
            self._forget()
            self._catalog = None

        @event.listens_for(Engine, "rollback_savepoint")
        def rollback_savepoint(_connection: Any, _name: Any, _context: Any) -> None:
            self._forget()
            self._catalog = None

    @contextmanager
    def running(self, revision: str, direction: str, path: str) -> Iterator[None]:
        """Trace what runs inside."""
        self._run = Run(revision, direction, path)
        self._ended = False
        self._loop = Loop()
        self._left_behind = None
        try:
            yield
        finally:
            self._forget()
            self._run = None

    def _forget(self) -> None:
        """End what goes on from statement to statement: the transaction ends, or nobody knows."""
        busy, self._busy = self._busy, True
        self._end_loop()
        self._busy = busy
        self._left_behind = None

    def _end_loop(self) -> None:
        """Report a loop that was counted, with what it has done altogether."""
        loop, run = self._loop, self._run
        if run is None or not loop.counted:
            return
        total: dict[str, Any] = {"rows": {}, "scanned": {}}
        wal = 0
        with suppress(Exception):  # the transaction has failed: its figures are gone
            after = loop.session.probe()
            self._count(run, total, loop.before["counters"] or [], after["counters"] or [])
            wal = after["wal"] - loop.before["wal"]
            self._left_behind = (loop.session.connection, after)
        for report in loop.reports(total, wal):
            self._channel.send("statement", revision=run.revision, direction=run.direction, **report)

    def _take(self, statement: str, context: Any, execute: Callable[[], None]) -> bool:
        run = self._run
        if run is None or self._busy or context is None or context.dialect.name != "postgresql":
            return False
        if _SAVEPOINT.fullmatch(statement):
            self._forget()
            self._catalog = None
            return False
        connection = context.root_connection.connection
        session = Session(getattr(connection, "dbapi_connection", None) or connection.connection)
        self._busy = True
        try:
            report = _report(run, statement)
            self._trace(run, session, report, execute, streamed=bool(getattr(context, "_is_server_side", False)))
        finally:
            self._busy = False
        return True

    def take_from_driver(self, statement: str, connection: Any, execute: Callable[[], None]) -> bool:
        """Execute what a revision gives to a driver's cursor itself; False when SQLAlchemy did."""
        run = self._run
        if run is None or self._busy or not _is_of_revision(run.path):
            return False
        if _SAVEPOINT.fullmatch(statement):
            self._forget()
            self._catalog = None
            return False
        self._busy = True
        try:
            self._trace(run, Session(connection), _report(run, statement), execute, streamed=False)
        finally:
            self._busy = False
        return True

    @contextmanager
    def around_copy(self, statement: str, connection: Any) -> Iterator[None]:
        """Watch a COPY whose rows a revision sends or reads between."""
        run, session = self._run, Session(connection)
        if run is None or self._busy or session.autocommit:
            yield
            return
        self._busy = True
        try:
            self._end_loop()
            with self._watched(run, session, _report(run, statement)):
                yield
        finally:
            self._busy = False

    def _trace(
        self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None], *, streamed: bool
    ) -> None:
        sql = report["sql"]
        if self._left_behind and self._loop.goes_on(report, session) and not self._ended:
            self._count_only(run, session, report, execute, self._left_behind[1])
            return
        self._end_loop()
        outside = session.autocommit and _TRANSACTION_COMMAND.match(sql) and not session.in_block()
        if outside and _FURTHER.search(sql):
            self._observed(run, session, report, execute)
        elif _SETTING.match(sql) or outside:
            self._plain(run, session, report, execute)
        elif not (session.autocommit or self._ended) or session.in_block():
            self._inside(run, session, report, execute)
        elif streamed:
            self._plain(run, session, report, execute)
        else:
            self._by_itself(run, session, report, execute)
        if _END.match(sql):
            self._catalog = None
            self._left_behind = None
            self._ended = True

    def _count_only(
        self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None], before: dict[str, Any]
    ) -> None:
        """Execute what a loop has executed many times: looking at it each time would take longer than the loop."""
        start = time.perf_counter()
        try:
            execute()
        except Exception as error:
            self._forget()
            self._catalog = None
            report["duration_ms"] = (time.perf_counter() - start) * 1000
            report["error"], report["sqlstate"] = _message(error), _sqlstate(error)
            self._send(run, report)
            raise
        self._loop.count(report, session, before, (time.perf_counter() - start) * 1000)
        self._die_in_time()

    def _plain(self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute what needs no watching, or must not be preceded by a query: SET TRANSACTION and its like."""
        self._left_behind = None
        with self._timed(run, report):
            execute()
        if _SETTING.match(report["sql"]) and "transaction" not in report["sql"].lower():
            with suppress(Exception):
                probe = session.probe()
                report["lock_timeout"] = probe["lock_timeout"]
                if not session.autocommit:
                    report["transaction"] = run.transaction(f"{probe['pid']} {probe['transaction']}")
        self._send(run, report)

    def _inside(
        self,
        run: Run,
        session: Session,
        report: dict[str, Any],
        execute: Callable[[], None],
        *,
        ours: bool = False,
        refused: bool = False,
    ) -> None:
        """Execute a statement inside a transaction, between two looks at it; see `_watched`."""
        with self._watched(run, session, report, ours=ours, refused=refused):
            execute()

    @contextmanager
    def _watched(
        self, run: Run, session: Session, report: dict[str, Any], *, ours: bool = False, refused: bool = False
    ) -> Iterator[None]:
        """Look at a transaction before and after what is executed in it.

        Args:
            run: The function that runs.
            session: Its connection.
            report: What is sent to the parent.
            ours: The transaction is ours, around this statement only.
            refused: Raise what a transaction forbids without a report.
        """
        left, self._left_behind = self._left_behind, None
        try:
            before = left[1] if left and left[0] is session.connection and not ours else session.probe()
        except Exception:  # noqa: BLE001 - the transaction had failed before: the statement says so itself
            before = None
        if before is None:
            with self._timed(run, report):
                yield
            self._send(run, report)
            return
        known = self._known(run, session, before["pid"])
        report["lock_timeout"] = before["lock_timeout"]
        if not ours:
            report["transaction"] = run.transaction(f"{before['pid']} {before['transaction']}")
        with self._timed(run, report, silent=_NO_TRANSACTION if refused else set()):
            yield
        try:
            after = session.probe()
            later = session.catalog(known, after["xid"]) if after["catalog"] != before["catalog"] else known
        except Exception:  # noqa: BLE001 - a COMMIT or ROLLBACK of the author's: there is nothing to look at
            self._catalog = None
            if ours:
                session.run("COMMIT")
            self._send(run, report)
            return
        if after["transaction"] != before["transaction"]:  # another one began behind our back
            before = {**before, "locks": [], "counters": []}
            report["transaction"] = None if ours else run.transaction(f"{after['pid']} {after['transaction']}")
        report["wal_bytes"] = after["wal"] - before["wal"]
        report["locks"] = _taken(run.before or {}, before["locks"] or [], after["locks"] or [])
        self._compare(run, report, known, later)
        self._count(run, report, before["counters"] or [], after["counters"] or [])
        if ours:
            with self._timed(run, report, add=True):
                session.run("COMMIT")
        else:
            self._left_behind = (session.connection, after)
            if known is later:
                self._loop.saw(report)
        self._send(run, report)

    def _by_itself(self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute a statement that commits by itself: in a transaction of ours where the server lets us."""
        session.run("BEGIN")
        try:
            self._inside(run, session, report, execute, ours=True, refused=True)
        except Exception as error:
            self._catalog = None
            with suppress(Exception):
                session.run("ROLLBACK")
            if _sqlstate(error) not in _NO_TRANSACTION:
                raise
        else:
            return
        report["cannot_run_in_transaction"] = True
        self._observed(run, session, report, execute)

    def _observed(self, run: Run, session: Session, report: dict[str, Any], execute: Callable[[], None]) -> None:
        """Execute what begins and ends transactions itself, while the parent looks at it from a second session."""
        session.value("SELECT pg_catalog.pg_stat_force_next_flush()::text")
        before = session.probe(_PROBE_TOTAL)
        known = self._known(run, session, before["pid"])
        self._channel.ask("observe", pid=before["pid"], sql=report["sql"])
        failure: Exception | None = None
        start = time.perf_counter()
        try:
            execute()
        except Exception as error:  # noqa: BLE001 - raised again when it has been reported
            failure = error
            report["error"], report["sqlstate"] = _message(error), _sqlstate(error)
        report["duration_ms"] = (time.perf_counter() - start) * 1000
        seen = self._channel.ask("observed") or []
        with suppress(Exception):  # the author may have dropped the connection's own database
            session.value("SELECT pg_catalog.pg_stat_force_next_flush()::text")
            after = session.probe(_PROBE_TOTAL)
            later = session.catalog()
            report["wal_bytes"] = after["wal"] - before["wal"]
            report["locks"] = _taken(run.before or {}, [], seen)
            self._compare(run, report, known, later)
            self._count(run, report, before["counters"] or [], after["counters"] or [])
        self._send(run, report)
        if failure is not None:
            raise failure

    def _known(self, run: Run, session: Session, pid: int) -> Catalog:
        if self._catalog is None or self._pid != pid:
            self._catalog = session.catalog()
            self._pid = pid
        if run.before is None:
            run.before = dict(self._catalog.names)
        return self._catalog

    def _compare(self, run: Run, report: dict[str, Any], known: Catalog, later: Catalog) -> None:
        self._catalog = later
        if known is not later:
            names = {**later.names, **known.names, **(run.before or {})}
            report["rewritten"] = sorted(names[oid] for oid in known.rewritten(later))
            report["indexes_built"] = sorted(later.names[oid] for oid in known.built(later))
            report.update(known.changes(later))

    def _count(self, run: Run, report: dict[str, Any], before: list[Any], after: list[Any]) -> None:
        names = {**(self._catalog.names if self._catalog else {}), **(run.before or {})}
        earlier = {row[0]: row[1:] for row in before}
        scanned, rows = {}, {}
        for oid, *figures in after:
            if oid not in names:
                continue
            # TRUNCATE sets counters back.
            old = earlier.get(oid, [0] * len(figures))
            scans, read, *written = (max(0, figure - old[place]) for place, figure in enumerate(figures))
            if scans or read:
                scanned[names[oid]] = read
            if any(written):
                rows[names[oid]] = written
        report["scanned"], report["rows"] = scanned, rows

    @contextmanager
    def _timed(
        self, run: Run, report: dict[str, Any], *, add: bool = False, silent: set[str] | None = None
    ) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._catalog = None
            if _sqlstate(error) not in (silent or set()):
                report["duration_ms"] = (time.perf_counter() - start) * 1000
                report["error"], report["sqlstate"] = _message(error), _sqlstate(error)
                self._send(run, report)
            raise
        spent = (time.perf_counter() - start) * 1000
        report["duration_ms"] = report["duration_ms"] + spent if add else spent

    def _send(self, run: Run, report: dict[str, Any]) -> None:
        self._channel.send("statement", revision=run.revision, direction=run.direction, **report)
        self._die_in_time()

    def _die_in_time(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _report(run: Run, statement: str) -> dict[str, Any]:
    return {"sql": statement, "line": _line(run.path), "operation": _operation(), "transaction": None}


def trace_drivers(tracer: Tracer) -> None:
    """Let the tracer see what goes to the drivers' cursors without SQLAlchemy."""
    _TRACERS.append(tracer)
    with suppress(ImportError):
        psycopg: Any = importlib.import_module("psycopg")
        for name in ("execute", "executemany"):
            _trace_method(psycopg.Cursor, name, lambda cursor: cursor.connection)
        copy = psycopg.Cursor.copy

        @contextmanager
        def traced_copy(self: Any, statement: Any, *args: Any, **named: Any) -> Iterator[Any]:
            watched = tracer.around_copy(_text(statement, self), self.connection)
            with watched, copy(self, statement, *args, **named) as opened:
                yield opened

        psycopg.Cursor.copy = traced_copy
    with suppress(ImportError):
        module: Any = importlib.import_module("sqlalchemy.dialects.postgresql.asyncpg")
        for name in ("execute", "executemany"):
            _trace_method(module.AsyncAdapt_asyncpg_cursor, name, lambda cursor: cursor._adapt_connection)  # noqa: SLF001


_TRACERS: list[Tracer] = []


def _trace_method(cursor_class: Any, name: str, connection_of: Callable[[Any], Any]) -> None:
    original = getattr(cursor_class, name)
    setattr(cursor_class, name, _traced(original, connection_of))


def _traced(original: Any, connection_of: Callable[[Any], Any]) -> Any:
    """Give a cursor's method that hands over to the tracer of this process, where there is one."""

    @functools.wraps(original)
    def method(self: Any, statement: Any, *args: Any, **named: Any) -> Any:
        given: list[Any] = []
        if _TRACERS and _TRACERS[-1].take_from_driver(
            _text(statement, self), connection_of(self), lambda: given.append(original(self, statement, *args, **named))
        ):
            return given[0]
        return original(self, statement, *args, **named)

    return method


def _text(statement: Any, cursor: Any) -> str:
    if isinstance(statement, bytes):
        return statement.decode(errors="replace")
    return str(statement.as_string(cursor)) if hasattr(statement, "as_string") else str(statement)


def _psycopg2_cursor(extensions: Any) -> Any:
    """Give a class of cursors that can be traced: those of psycopg2 are written in C."""
    methods = {
        name: _traced(getattr(extensions.cursor, name), lambda cursor: cursor.connection)
        for name in ("execute", "executemany", "copy_expert")
    }
    return type("TracedCursor", (extensions.cursor,), methods)


def _is_of_revision(revision: str) -> bool:
    """Tell whether a driver's cursor was called by a revision, and not by SQLAlchemy or one of its events."""
    for frame in _frames():
        path = frame.f_code.co_filename
        if _real(path) == revision:
            return True
        if f"{os.sep}sqlalchemy{os.sep}" in path:
            return False
    return False


def _taken(known: dict[int, str], before: list[Any], after: list[Any]) -> dict[str, str]:
    """Give the strongest mode on each known relation, where it is stronger than what was held before."""
    held = _strongest(before)
    return {
        known[oid]: mode
        for oid, mode in sorted(_strongest(after).items())
        if oid in known and _STRENGTH[mode] > _STRENGTH.get(held.get(oid, ""), 0)
    }


def _strongest(locks: list[Any]) -> dict[int, str]:
    found: dict[int, str] = {}
    for oid, mode in locks:
        if mode in _STRENGTH and _STRENGTH[mode] > _STRENGTH.get(found.get(oid, ""), 0):
            found[oid] = mode
    return found


def _frames() -> Iterator[Any]:
    frame = sys._getframe(1)  # noqa: SLF001 - the stack is the only witness of the line
    while frame is not None:
        yield frame
        frame = frame.f_back  # type: ignore[assignment]


def _line(path: str) -> int | None:
    return next((frame.f_lineno for frame in _frames() if _real(frame.f_code.co_filename) == path), None)


@functools.cache
def _real(path: str) -> str:
    return os.path.realpath(path)


def _operation() -> str | None:
    """Name the Alembic operation that is being invoked; None for `op.execute` and for plain connections."""
    found = None
    for frame in _frames():
        name = frame.f_code.co_filename.replace(os.sep, "/")
        if name.endswith("alembic/operations/base.py") and frame.f_code.co_name == "invoke":
            words = re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", type(frame.f_locals["operation"]).__name__)
            found = "_".join(words).lower().removesuffix("_op")
        elif name.endswith("alembic/operations/batch.py") and frame.f_code.co_name == "flush":
            found = frame.f_locals.get("opname", "batch_alter_table")
    return None if found in {"execute_sql", "execute"} else found


def _sqlstate(error: BaseException) -> str | None:
    for one in (error, getattr(error, "orig", None), error.__cause__):
        found = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
        if found:
            return str(found)
    return None


def _message(error: BaseException) -> str:
    """Give what the server said, without the statement that SQLAlchemy and libpq append."""
    for one in (error, getattr(error, "orig", None), error.__cause__):
        said = getattr(one, "diag", None) or one
        primary = getattr(said, "message_primary", None) or (
            getattr(said, "message", None) if getattr(said, "sqlstate", None) else None
        )
        if primary:
            detail = getattr(said, "message_detail", None) or getattr(said, "detail", None)
            return f"{primary}\n{detail}" if detail else str(primary)
    return str(error).strip() or type(error).__name__


def watch_revisions(channel: Channel, tracer: Tracer | None) -> None:
    """Report the begin and the end of each upgrade and downgrade function."""
    from alembic.runtime.migration import RevisionStep

    original = RevisionStep.__init__

    @functools.wraps(original)
    def init(self: Any, revision_map: Any, revision: Any, is_upgrade: bool) -> None:
        original(self, revision_map, revision, is_upgrade)
        function = self.migration_fn
        names = {"revision": revision.revision, "direction": "upgrade" if is_upgrade else "downgrade"}

        @functools.wraps(function)
        def migrate(*args: Any, **named: Any) -> Any:
            channel.send("begin", **names)
            try:
                with tracer.running(path=revision.path, **names) if tracer else nullcontext():
                    result = function(*args, **named)
            except BaseException as error:
                channel.send("end", **names, **_failure(error, revision.path))
                raise
            channel.send("end", **names, error=None)
            return result

        self.migration_fn = migrate

    RevisionStep.__init__ = init  # type: ignore[method-assign]


def _failure(error: BaseException, path: str | None = None) -> dict[str, Any]:
    kind = "exit" if isinstance(error, SystemExit) else "refused" if isinstance(error, RefusedError) else "exception"
    message = f"sys.exit({error.code!r})" if isinstance(error, SystemExit) else _message(error)
    place, line = path and os.path.realpath(path), None
    if isinstance(error, SyntaxError):
        place, line = error.filename, error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        if place is not None:
            line = next((one.lineno for one in reversed(frames) if os.path.realpath(one.filename) == place), None)
    return {
        "error": message,
        "kind": kind,
        "type": type(error).__name__,
        "sqlstate": _sqlstate(error),
        "path": place,
        "line": line,
    }


def configure(job: dict[str, Any], sandbox: Sandbox) -> Any:
    """Give Alembic's configuration, and set the variables that an env.py reads, to the sandbox's address."""
    from alembic.config import Config

    path = str(job["config"])
    name = job.get("name") or "alembic"
    config = Config(toml_file=path) if path.endswith(".toml") else Config(path, ini_section=name)
    config.cmd_opts = argparse.Namespace(
        x=job.get("x_arguments") or None, config=path, name=name, raiseerr=False, quiet=False, sql=False, tag=None
    )
    environment = {"DATABASE_URL": None, **(job.get("environment") or {})}
    for variable, value in environment.items():
        given = value or os.environ.get(variable, "").partition("://")[0]
        if not value or _SCHEME.fullmatch(value):
            scheme = given if _SCHEME.fullmatch(given) else "postgresql"
            os.environ[variable] = sandbox.url(scheme)
        else:
            os.environ[variable] = str(value)
    os.environ.update(PGHOST=sandbox.host, PGPORT=str(sandbox.port), PGUSER=sandbox.user, PGDATABASE=sandbox.database)
    os.environ["PGPASSWORD"] = sandbox.password or ""
    for variable in ("PGSERVICE", "PGHOSTADDR", "PGSSLMODE"):
        os.environ.pop(variable, None)
    with suppress(Exception):  # a value that does not interpolate is nobody's URL
        scheme = (config.get_main_option("sqlalchemy.url") or "").partition("://")[0]
        url = sandbox.url(scheme if _SCHEME.fullmatch(scheme) else _scheme())
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


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


class Worker:
    """Does jobs; what it has ready is inherited by the processes that it forks for them."""

    def __init__(self) -> None:
        self._sandbox = Sandbox()
        self._script: Any = None
        self._redirected = False

    def run(self, job: dict[str, Any]) -> None:
        """Do a job, report how it ended, and end the process."""
        _no_input()
        channel = Channel(job["events"], job.get("answers"))
        channel.send("started", pid=os.getpid())
        try:
            self._work(job, channel)
        except BaseException as error:  # noqa: BLE001 - whatever a project does is data
            channel.send("error", **_culprit(error), traceback=traceback.format_exc())
        channel.send("done")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # threads and exit handlers of the project have no say

    def prepare(self, job: dict[str, Any]) -> bool:
        """Read the history and import what env.py imports, here, for all jobs to come.

        Returns:
            Whether this process can still be forked: nothing failed, and no thread was left running.
        """
        channel = Channel(job["events"], None)
        kept = os.dup(0)
        _no_input()
        ready = False
        try:
            config = self._configured(job)
            self._script = _script(config)
            list_revisions(self._script, channel)
        except BaseException as error:  # noqa: BLE001 - whatever a project does is data
            channel.send("error", **_culprit(error), traceback=traceback.format_exc())
        else:
            # an env.py that fails says so when a revision runs
            with suppress(BaseException):
                _run_env(config, self._script, lambda _heads, _context: [], "heads")
                _close_engines()
                ready = not _has_threads()
        os.dup2(kept, 0)
        os.close(kept)
        gc.freeze()
        channel.send("done")
        return ready

    def _configured(self, job: dict[str, Any]) -> Any:
        if job.get("cwd"):
            os.chdir(job["cwd"])
        self._sandbox.point_at(job)
        if not self._redirected:
            redirect_drivers(self._sandbox)
            redirect_engines(self._sandbox)
            self._redirected = True
        return configure(job, self._sandbox)

    def _work(self, job: dict[str, Any], channel: Channel) -> None:
        config = self._configured(job)
        if job["command"] == "setup":
            set_up(job["revision"], self._sandbox)
            return
        tracer = None
        if job.get("trace"):
            tracer = Tracer(channel, job.get("kill_after") or 0)
            tracer.install()
            trace_drivers(tracer)
        watch_revisions(channel, tracer)
        script = self._script or _script(config)
        target = job["revision"]
        if job["command"] == "upgrade":
            _run_env(config, script, lambda heads, _context: script._upgrade_revs(target, heads), target)  # noqa: SLF001
        elif job["command"] == "downgrade":
            _run_env(config, script, lambda heads, _context: script._downgrade_revs(target, heads), target)  # noqa: SLF001
        elif job["command"] == "undo":
            undo(config, script, target)
        elif job["command"] == "stairs":
            climb(config, script, job["steps"], channel)
        elif job["command"] == "check":
            from alembic import command

            command.check(config)
        else:
            raise ValueError(f"no command {job['command']!r}")


def _script(config: Any) -> Any:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config)


def _run_env(config: Any, script: Any, steps: Callable[[Any, Any], Any], target: str) -> None:
    """Run env.py as Alembic's commands do, with revisions that are loaded already."""
    from alembic.runtime.environment import EnvironmentContext

    with EnvironmentContext(
        config, script, fn=steps, as_sql=False, starting_rev=None, destination_rev=target, tag=None
    ):
        script.run_env()


def undo(config: Any, script: Any, revision: str) -> None:
    """Run the downgrade of one revision, and no other's, whatever branches there are."""
    from alembic.runtime.migration import MigrationStep

    step = MigrationStep.downgrade_from_script(script.revision_map, script.get_revision(revision))
    _run_env(config, script, lambda _heads, _context: [step], revision)


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

    _run_env(config, script, run, "heads")


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


def _no_input() -> None:
    """Let a project that asks a question get an end of file."""
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)


def _close_engines() -> None:
    """Let no connection be shared with a forked process."""
    from sqlalchemy.engine import Engine

    for one in gc.get_objects():
        if issubclass(type(one), Engine):
            with suppress(Exception):
                one.dispose()


def _has_threads() -> bool:
    """Tell whether a fork would leave threads behind: those of Python, and of libraries where that can be seen."""
    with suppress(OSError):
        return len(os.listdir("/proc/self/task")) > 1  # noqa: PTH208
    return threading.active_count() > 1


def _culprit(error: BaseException) -> dict[str, Any]:
    """Describe what went wrong outside a revision's function, with the last file of the project it came through."""
    described = _failure(error)
    if described["path"] is None:
        library = (sys.prefix, sys.base_prefix, "<", os.path.realpath(__file__))
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if not os.path.realpath(frame.filename).startswith(library) and not frame.filename.startswith(library):
                described["path"], described["line"] = frame.filename, frame.lineno
                break
    return described


def main() -> None:
    """Do one job a line, each in a process of its own that finds the libraries imported: that is most of its time."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib costs 10 ms
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]  # noqa: PTH100
    os.environ.pop("PYTHONSAFEPATH", None)  # it was meant for this process, not for those that the project starts
    for library in _IMPORTED_ONCE:
        with suppress(ImportError):
            importlib.import_module(library)
    worker = Worker()
    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        channel = Channel(job["events"], None)
        if job["command"] == "revisions":
            ready = worker.prepare(job)
            channel.send("exited", code=0 if ready else 1)
            continue
        pid = os.fork()
        if pid == 0:
            os.setsid()
            worker.run(job)
        _, status = os.waitpid(pid, 0)
        channel.send("exited", code=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
