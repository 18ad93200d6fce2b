"""One database URL, in the forms that the two drivers want, and the one function that prints it.

The canonical form is libpq's (PostgreSQL manual, 34.1.1 Connection Strings). psycopg reads it as it is; asyncpg reads
it as a DSN, without the parameters that act in libpq only.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from adapter.outbound.database.errors import DatabaseConfigurationError

_SCHEMES = ("postgres", "postgresql")
_DRIVERS = ("", "psycopg", "psycopg_async", "psycopg2", "asyncpg")

# SQLAlchemy's and asyncpg's names of what libpq calls otherwise.
_TO_LIBPQ = {"ssl": "sslmode", "database": "dbname"}
_SSL_VALUES = {"true": "require", "1": "require", "false": "disable", "0": "disable"}

# Parameters of asyncpg and of SQLAlchemy's asyncpg dialect that libpq does not know: they must arrive as numbers.
_ONLY_ASYNCPG: dict[str, type[int] | type[float]] = {
    "command_timeout": float,
    "max_cached_statement_lifetime": int,
    "max_cacheable_statement_size": int,
    "prepared_statement_cache_size": int,
    "statement_cache_size": int,
    "timeout": float,
}
# libpq parameters that act in the client; asyncpg would send them to the server, which refuses them.
_ONLY_LIBPQ = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "prepare_threshold",
        "require_auth",
        "requirepeer",
        "sslcompression",
        "sslcrldir",
        "sslsni",
        "tcp_user_timeout",
    }
)


@dataclass(frozen=True)
class DatabaseURL:
    """Where a Postgres database is, and how to sign in.

    Attributes:
        libpq: The URL in libpq's form, as psycopg takes it, password included; `repr()` and `str()` never show it.
        asyncpg_options: What only asyncpg understands.
    """

    libpq: str = field(repr=False)
    asyncpg_options: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, url: str) -> "DatabaseURL":
        """Read a URL in any of the usual spellings.

        Args:
            url: `postgres://…` or `postgresql://…`, with or without `+psycopg`, `+psycopg2` or `+asyncpg`.

        Raises:
            DatabaseConfigurationError: The URL is of another kind of database, or cannot be read.
        """
        scheme, separator, _ = url.strip().partition("://")
        kind, _, driver = scheme.partition("+")
        if not separator:
            raise DatabaseConfigurationError(
                "The database URL has no scheme.", "Write it as postgresql://user:password@host:5432/database."
            )
        if kind not in _SCHEMES:
            raise DatabaseConfigurationError(
                f"The database URL is for {kind!r}, and this project needs Postgres with pgvector.",
                "Set DATABASE_URL to postgresql://…, or unset it to use the embedded Postgres.",
            )
        if driver not in _DRIVERS:
            raise DatabaseConfigurationError(
                f"The database URL names the driver {driver!r}, which is not installed here.",
                "Leave the driver out (postgresql://…): asyncpg and psycopg are chosen where each is needed.",
            )
        parts = urlsplit(url.strip())
        try:
            query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
            _check_ports(parts.netloc)
        except ValueError as error:
            raise DatabaseConfigurationError(
                f"The database URL cannot be read: {_without_password(str(error), url)}.",
                "Write it as postgresql://user:password@host:5432/database; percent-encode : / ? # @ in the password.",
            ) from None
        parameters, asyncpg_options = _sort_parameters(query)
        text = "&".join(f"{name}={quote(value, safe='/,:')}" for name, value in parameters.items())
        return cls(_join(parts.netloc, parts.path, text), asyncpg_options)

    @property
    def asyncpg_url(self) -> str:
        """The URL for `create_async_engine`; where to go stands in `asyncpg_arguments`."""
        return "postgresql+asyncpg://"

    @property
    def asyncpg_arguments(self) -> dict[str, Any]:
        """The `connect_args` for SQLAlchemy's asyncpg dialect."""
        parts = urlsplit(self.libpq)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        options = dict(self.asyncpg_options)
        if "connect_timeout" in query:
            options.setdefault("timeout", float(query["connect_timeout"]))
        kept = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items() if name not in _ONLY_LIBPQ)
        return {"dsn": _join(parts.netloc, parts.path, kept), **options}

    @property
    def database(self) -> str:
        """Name of the database; empty when the server chooses it by the user's name."""
        query = dict(parse_qsl(urlsplit(self.libpq).query))
        return query.get("dbname") or unquote(urlsplit(self.libpq).path.lstrip("/"))

    def with_database(self, name: str) -> "DatabaseURL":
        """Give the URL of another database of the same server."""
        parts = urlsplit(self.libpq)
        query = "&".join(item for item in parts.query.split("&") if item and not item.startswith("dbname="))
        return DatabaseURL(_join(parts.netloc, f"/{quote(name, safe='')}", query), self.asyncpg_options)

    def __str__(self) -> str:
        """Give the URL as it may be printed."""
        return redact(self.libpq)


def redact(url: str) -> str:
    """Give a URL as it may be printed: without its password."""
    url = re.sub(r"((?:ssl)?password=)[^&\s]*", r"\1***", url)
    return re.sub(r"(://[^:/?#@\s]*):[^/?#\s]*@", r"\1:***@", url)


def _join(netloc: str, path: str, query: str) -> str:
    # urllib's urlunsplit leaves the slashes out when there is no host, which libpq does not take.
    return f"postgresql://{netloc}{path}{'?' if query else ''}{query}"


def _sort_parameters(query: list[tuple[str, str]]) -> tuple[dict[str, str], dict[str, Any]]:
    libpq: dict[str, str] = {}
    asyncpg: dict[str, Any] = {}
    hosts = [value for name, value in query if name == "host"]
    for name, value in query:
        if name in _ONLY_ASYNCPG:
            try:
                asyncpg[name] = _ONLY_ASYNCPG[name](value)
            except ValueError:
                raise DatabaseConfigurationError(
                    f"The database URL's parameter {name} is not a number.", f"Write for example {name}=0."
                ) from None
        elif name == "ssl":
            libpq["sslmode"] = _SSL_VALUES.get(value.lower(), value)
        elif name != "host":
            libpq[_TO_LIBPQ.get(name, name)] = value
    if hosts:
        libpq |= _host_list(hosts)
    return libpq, asyncpg


def _host_list(hosts: list[str]) -> dict[str, str]:
    """Join SQLAlchemy's `host=a:1&host=b:2` into libpq's `host=a,b&port=1,2`."""
    if len(hosts) == 1:
        return {"host": hosts[0]}
    names, ports = [], []
    for host in hosts:
        name, _, port = host.partition(":")
        names.append(name)
        ports.append(port or "5432")
    return {"host": ",".join(names), "port": ",".join(ports)}


def _check_ports(netloc: str) -> None:
    """Refuse what an unescaped character in a password leaves in the place of a port."""
    for host in netloc.rpartition("@")[2].split(","):
        port = re.sub(r"^\[[^\]]*\]", "", host).partition(":")[2]
        if port and not port.isdigit():
            raise ValueError("a port is not a number")


def _without_password(text: str, url: str) -> str:
    return text.replace(url, redact(url))
