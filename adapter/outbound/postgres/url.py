"""A database URL in the forms of the two drivers, and in a form that may be printed.

A URL that can be read in two ways is refused, because one reading takes a part of the password for a host or a
database. The canonical form is libpq's (PostgreSQL manual, 34.1.1 Connection Strings). psycopg reads it as it is.
asyncpg reads it as a DSN without the parameters that only libpq has.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import HIDDEN, is_secret

EMBEDDED = "the embedded Postgres (migrate db status)"  # the source if there is no URL
_SOURCE = "DATABASE_URL"
_OTHERWISE = "unset DATABASE_URL to use the embedded Postgres"
_SCHEMES = ("postgres", "postgresql")
_DRIVERS = ("", "psycopg", "psycopg_async", "psycopg2", "asyncpg")
# Only these may be named in a message; any other text there may be a part of a password.
_OTHER_KINDS = {"mysql", "mariadb", "sqlite", "oracle", "mssql", "cockroachdb", "redshift", "jdbc:postgresql"}
_OTHER_DRIVERS = {"pg8000", "psycopg2cffi", "pygresql", "pypostgresql", "aiopg"}
_FORM = "postgresql://user:password@host:5432/database"
_INSIDE = re.compile(r"\bpostgres(?:ql)?(?:\+\w+)?://")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_LAST_PORT = 65535
_PARAMETER_LIST = re.compile(r"[^=&]+=[^=&]*(?:&[^=&]+=[^=&]*)*|")
_NUMBERS = {
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
}
# Parameters with fixed values (PostgreSQL manual, 34.1.2). asyncpg and libpq report other values differently.
_CHOICES = {
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "load_balance_hosts": ("disable", "random"),
    "sslcertmode": ("disable", "allow", "require"),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+(?:%25[\w.-]+)?\]|(?=[^\[\]]*$)[^:\[\]]*")

# Names of SQLAlchemy and asyncpg for which libpq has another name.
_TO_LIBPQ = {"ssl": "sslmode", "database": "dbname"}
_SSL_VALUES = {"true": "require", "1": "require", "false": "disable", "0": "disable"}

# Parameters of asyncpg and of SQLAlchemy's asyncpg dialect that libpq lacks; their values must be numbers.
_ONLY_ASYNCPG: dict[str, type[int] | type[float]] = {
    "command_timeout": float,
    "max_cached_statement_lifetime": int,
    "max_cacheable_statement_size": int,
    "prepared_statement_cache_size": int,
    "statement_cache_size": int,
    "timeout": float,
}
# Client parameters of libpq. asyncpg would send them to the server, which refuses them.
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
_OF_CONTEXT = {"sslmode", "sslrootcert", "sslcert", "sslkey"}
# All known parameters. Any other name may be a part of a password.
_PARAMETERS = (
    _ONLY_ASYNCPG.keys()
    | _ONLY_LIBPQ
    | _TO_LIBPQ.keys()
    | {
        "application_name",
        "dbname",
        "gsslib",
        "host",
        "hostaddr",
        "krbsrvname",
        "max_protocol_version",
        "min_protocol_version",
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_issuer",
        "oauth_scope",
        "options",
        "passfile",
        "password",
        "port",
        "replication",
        "scram_client_key",
        "scram_server_key",
        "service",
        "servicefile",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcrl",
        "sslkey",
        "sslkeylogfile",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "target_session_attrs",
        "user",
    }
)


@dataclass(frozen=True)
class DatabaseURL:
    """The address and the login of a Postgres database.

    Attributes:
        libpq: The URL in libpq's form with the password, for psycopg; `repr()` and `str()` never show it.
        asyncpg_options: The options that only asyncpg has, by name.
        source: Where the URL is set, in the words of a hint.
        otherwise: The alternative to correcting the URL, in the words of a hint.
    """

    libpq: str = field(repr=False)
    asyncpg_options: dict[str, Any] = field(default_factory=dict, repr=False)
    source: str = field(default=_SOURCE, repr=False, compare=False)
    otherwise: str = field(default=_OTHERWISE, repr=False, compare=False)

    @classmethod
    def parse(cls, url: str, *, source: str = _SOURCE, otherwise: str = _OTHERWISE) -> "DatabaseURL":
        """Read a URL in any of the usual spellings.

        Args:
            url: `postgres://…` or `postgresql://…`, with or without `+psycopg`, `+psycopg2` or `+asyncpg`.
            source: Where the URL is set, in the words of a hint.
            otherwise: The alternative to correcting the URL, in the words of a hint.

        Raises:
            DatabaseConfigurationError: The URL is of another kind of database, or cannot be read.
        """
        text = url.strip()
        scheme, separator, _ = text.partition("://")
        kind, _, driver = scheme.partition("+")
        if not separator:
            raise DatabaseConfigurationError(
                "The database URL has no scheme.", f"Write it in {source} as {_FORM}; or {otherwise}."
            )
        if kind not in _SCHEMES:
            if kind not in _OTHER_KINDS and _INSIDE.search(text):
                raise DatabaseConfigurationError(
                    "The database URL has something before postgresql://, such as a quotation mark or a name.",
                    f"Take it out of {source}, and what belongs to it at the end.",
                )
            description = f"for {kind!r}" if kind in _OTHER_KINDS else "not one of Postgres"
            raise DatabaseConfigurationError(
                f"The database URL is {description}, and this project needs Postgres with pgvector.",
                f"Write postgresql://… in {source}, or {otherwise}.",
            )
        if driver not in _DRIVERS:
            description = f"the driver {driver!r}" if driver in _OTHER_DRIVERS else "a driver"
            raise DatabaseConfigurationError(
                f"The database URL names {description}, which is not installed here.",
                f"Leave the driver out of {source}, as in postgresql://…: asyncpg or psycopg is chosen where needed.",
            )
        problem = _problem(text)
        if problem:
            hint = (
                f"Correct it in {source} or take it out of the URL; session settings go into options=-c%20NAME%3DVALUE."
                if problem.startswith("its parameter")
                else f"Write it in {source} as {_FORM}; percent-encode % : / ? # @ in the password (% is %25)."
            )
            raise DatabaseConfigurationError(f"The database URL cannot be read: {problem}.", hint)
        parts = urlsplit(text)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        parameters, asyncpg_options = _sort_parameters(query, source)
        query_text = "&".join(f"{name}={quote(value, safe='/,:')}" for name, value in parameters.items())
        return cls(_join(parts.netloc, parts.path, query_text), asyncpg_options, source, otherwise)

    @property
    def asyncpg_url(self) -> str:
        """The URL for `create_async_engine`; the address is in `asyncpg_arguments`."""
        return "postgresql+asyncpg://"

    @property
    def asyncpg_arguments(self) -> dict[str, Any]:
        """The `connect_args` for SQLAlchemy's asyncpg dialect."""
        parts = urlsplit(self.libpq)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        options = dict(self.asyncpg_options)
        if "connect_timeout" in query:
            options.setdefault("timeout", float(query["connect_timeout"]))
        if query.get("sslrootcert") == "system":  # the authorities of the system, and the host name; a file for asyncpg
            options["ssl"] = _system_context(query.get("sslcert"), query.get("sslkey"))
            query = {name: value for name, value in query.items() if name not in _OF_CONTEXT}
        asyncpg_query = "&".join(
            f"{name}={quote(value, safe='')}" for name, value in query.items() if name not in _ONLY_LIBPQ
        )
        return {"dsn": _join(parts.netloc, parts.path, asyncpg_query), **options}

    @property
    def correction(self) -> str:
        """How to correct the URL, in the words of a hint."""
        return f"look at {self.source}" if self.source == EMBEDDED else f"correct {self.source}"

    @property
    def user(self) -> str:
        """The name of the role; empty if the URL does not name it."""
        return self.parameter("user") or unquote(urlsplit(self.libpq).username or "")

    @property
    def database(self) -> str:
        """The name of the database; empty if the server chooses it by the user's name."""
        return self.parameter("dbname") or unquote(urlsplit(self.libpq).path.lstrip("/"))

    def parameter(self, name: str) -> str:
        """Return the value of a parameter of libpq; empty if the URL does not have it."""
        return dict(parse_qsl(urlsplit(self.libpq).query)).get(name, "")

    def with_database(self, name: str) -> "DatabaseURL":
        """Return the URL of another database on the same server."""
        parts = urlsplit(self.libpq)
        query = "&".join(item for item in parts.query.split("&") if item and not item.startswith("dbname="))
        return DatabaseURL(_join(parts.netloc, f"/{quote(name, safe='')}", query), self.asyncpg_options)

    def __str__(self) -> str:
        """Return the URL without its password and other secrets, so that it may be printed."""
        parts = urlsplit(self.libpq)
        login, at, hosts = parts.netloc.rpartition("@")
        name, colon, _ = re.split(r"(:|%3A|$)", login, maxsplit=1, flags=re.IGNORECASE)
        query = [item.partition("=") for item in parts.query.split("&") if item]
        printable_query = "&".join(f"{key}={HIDDEN if is_secret(key) else value}" for key, _, value in query)
        return _join(f"{name}{f':{HIDDEN}' if colon else ''}{at}{hosts}", parts.path, printable_query)


def _system_context(certificate: str | None, key: str | None) -> Any:
    """Return an SSL context that trusts the system's authorities, with the client's certificate if there is one."""
    import ssl

    context = ssl.create_default_context()
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def _join(netloc: str, path: str, query: str) -> str:
    # urllib's urlunsplit omits the slashes if there is no host, which libpq does not accept.
    return f"postgresql://{netloc}{path}{'?' if query else ''}{query}"


def _sort_parameters(query: list[tuple[str, str]], source: str) -> tuple[dict[str, str], dict[str, Any]]:
    libpq: dict[str, str] = {}
    asyncpg: dict[str, Any] = {}
    hosts = [value for name, value in query if name == "host"]
    for name, value in query:
        if name in _ONLY_ASYNCPG:
            try:
                asyncpg[name] = _ONLY_ASYNCPG[name](value)
            except ValueError:
                raise DatabaseConfigurationError(
                    f"The database URL's parameter {name} is not a number.", f"Write for example {name}=0 in {source}."
                ) from None
        elif name == "ssl":
            libpq["sslmode"] = _SSL_VALUES.get(value.lower(), value)
        elif name != "host":
            libpq[_TO_LIBPQ.get(name, name)] = value
    if hosts:
        libpq |= _host_list(hosts)
    return libpq, asyncpg


def _host_list(hosts: list[str]) -> dict[str, str]:
    """Return libpq's `host=a,b&port=1,2` for SQLAlchemy's `host=a:1&host=b:2`."""
    if len(hosts) == 1:
        return {"host": hosts[0]}
    names, ports = [], []
    for host in hosts:
        name, _, port = host.partition(":")
        names.append(name)
        ports.append(port or "5432")
    return {"host": ",".join(names), "port": ",".join(ports)}


def _problem(url: str) -> str | None:
    """Return the problem of a URL without quoting it, or None if the URL is unambiguous.

    Drivers read a URL without percent-encoding in different ways, and their messages quote different parts of it.
    """
    address, question, query = url.partition("://")[2].partition("?")
    netloc, _, path = address.partition("/")
    login, _, hosts = netloc.rpartition("@")
    for problem, is_present in (
        ("it has a space, a line break or a control character in it", re.search(r"[\s\x00-\x1f\x7f]", url)),
        ("a % is not followed by two hexadecimal digits", "%" in _PERCENT.sub("", url)),
        ("%00 stands for no character of a name or a password", "%00" in url),
        ("it has a # in it", "#" in url),
        ("it has more than one @, or one behind the host", "@" in login + path + query),
        ("its brackets are not those of an IPv6 address", not _has_good_brackets(login + path, hosts)),
        ("a port is not a number up to 65535", not all(_is_port(_HOST.sub("", host, 1)) for host in hosts.split(","))),
        ("a parameter is not written as name=value", question and not re.fullmatch(_PARAMETER_LIST, query)),
    ):
        if is_present:
            return problem
    return _parameter_problem(parse_qsl(query, keep_blank_values=True))


def _has_good_brackets(other_parts: str, hosts: str) -> bool:
    if "[" in other_parts or "]" in other_parts:
        return False
    try:
        urlsplit(f"postgresql://{hosts}")  # raises if the brackets contain no address
    except ValueError:
        return False
    return all(_HOST.match(host) for host in hosts.split(","))


def _is_port(text: str) -> bool:
    return not text or (re.fullmatch(r":\d{1,5}", text) is not None and int(text[1:]) <= _LAST_PORT)


# Parameters of other tools that read the same variable. Only these names are shown, because any other name may be a
# part of a password.
_OF_OTHERS = {
    **dict.fromkeys(
        ("pgbouncer", "schema", "connection_limit", "pool_timeout", "socket_timeout", "sslaccept"), "Prisma"
    ),
    **dict.fromkeys(("pool_size", "max_overflow", "pool_recycle", "pool_pre_ping", "echo"), "SQLAlchemy's engine"),
    **dict.fromkeys(("charset", "serverVersion"), "Doctrine or MySQL"),
    **dict.fromkeys(("currentSchema", "prepareThreshold", "stringtype", "reWriteBatchedInserts"), "JDBC"),
    **dict.fromkeys(("conn_max_age", "atomic_requests"), "Django"),
    **dict.fromkeys(("pool", "reconnect", "encoding", "adapter"), "Rails"),
    **dict.fromkeys(("uselibpqcompat", "supa"), "node-postgres"),
    **dict.fromkeys(("pool_max_conns", "pool_min_conns", "default_query_exec_mode", "simple_protocol"), "pgx"),
}


def _parameter_problem(query: list[tuple[str, str]]) -> str | None:
    for position, (name, value) in enumerate(query, 1):
        if name in _OF_OTHERS:
            return f"its parameter {name} is one of {_OF_OTHERS[name]}, which neither libpq nor asyncpg knows"
        if name not in _PARAMETERS:
            return f"its parameter number {position} is none that libpq or asyncpg knows"
        if name in _NUMBERS and not re.fullmatch(r"-?\d{1,9}", value):
            return f"its parameter {name} is not a whole number"
        choices = _CHOICES.get(_TO_LIBPQ.get(name, name))
        if choices and _SSL_VALUES.get(value.lower(), value) not in choices:
            return f"its parameter {name} is none of {', '.join(choices)}"
    return None
