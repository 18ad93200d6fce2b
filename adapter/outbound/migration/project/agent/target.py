"""Leads the connections of a project to the real database that a command names, whatever address the project has.

A second address is refused, because what is meant for two databases must not end up in one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from .failures import RefusedError
from .redirect import ADDRESS_PARAMETERS, Sandbox, parameters_of

if TYPE_CHECKING:
    from .protocol import Job

_VERIFIED = {"require", "verify-ca", "verify-full"}


class Target(Sandbox):
    """The real database to which all connections of a job are led."""

    is_traced = False

    def point_at(self, job: Job) -> None:
        """Set the address to that of a job."""
        super().point_at(job)
        target = job.target
        self.identity_query, self.identity = target["query"], target["identity"]
        self._libpq: dict[str, str] = target["libpq"]
        self._asyncpg: dict[str, Any] = target["asyncpg"]
        self._own = _key(self.host, self.port, self.database)
        self._asked: tuple[str, str, str] | None = None

    def libpq(self, positional: tuple[Any, ...], named: dict[str, Any], database: str) -> dict[str, Any]:
        """Return arguments for psycopg or psycopg2 that lead to the database; see `Sandbox.libpq`."""
        del database  # both drivers have the names of libpq
        text = next((value for value in (*positional, named.get("dsn"), named.get("conninfo")) if value), None)
        self._admit({**_address(text), **named})
        arguments = {
            **parameters_of(text),
            **{name: value for name, value in named.items() if name not in ADDRESS_PARAMETERS},
        }
        requested, own = str(arguments.get("options") or ""), self._libpq.get("options", "")
        arguments.update(self._libpq)
        if requested and requested != own:
            arguments["options"] = f"{requested} {own}".strip()  # when two set the same parameter, the later one wins
        return arguments

    def asyncpg(self, named: dict[str, Any]) -> dict[str, Any]:
        """Return arguments for asyncpg that lead to the database."""
        self._admit({**_address(named.get("dsn")), **named})
        return {
            **{name: value for name, value in named.items() if name not in ADDRESS_PARAMETERS},
            **self._asyncpg,
        }

    def pg8000(self, named: dict[str, Any]) -> dict[str, Any]:
        """Return arguments for pg8000 that lead to the database."""
        self._admit(named)
        arguments = super().pg8000(named)
        mode = self._libpq.get("sslmode", "")
        if mode in _VERIFIED:
            import ssl  # no other job needs it

            authority = self._libpq.get("sslrootcert")
            context = ssl.create_default_context(cafile=authority)
            context.check_hostname = mode == "verify-full"
            if mode == "require" and authority is None:
                context.verify_mode = ssl.CERT_NONE
            arguments["ssl_context"] = context
        return arguments

    def _admit(self, requested: dict[str, Any]) -> None:
        """Refuse a second database, which would be led to the first.

        Raises:
            RefusedError: The project has connected to another database before.
        """
        key = _key(
            requested.get("host") or requested.get("unix_sock"),
            requested.get("port"),
            requested.get("dbname") or requested.get("database"),
        )
        if key == self._own:
            return
        if self._asked is None:
            self._asked = key
        elif key != self._asked:
            raise RefusedError(
                f"the project connects to two databases, {self._asked[2] or 'one'} on {self._asked[0]} and"
                f" {key[2] or 'one'} on {key[0]}, and only one is named"
            )


def _key(host: Any, port: Any, database: Any) -> tuple[str, str, str]:
    """Return the address that tells databases apart; of several hosts the first."""
    hosts, ports = (
        value if isinstance(value, (list, tuple)) else str(value or "").split(",") for value in (host, port)
    )
    return str(hosts[0] or "localhost"), str(ports[0] or "5432"), str(database or "")


def _address(text: Any) -> dict[str, Any]:
    """Return host, port and database of a connection string."""
    if not isinstance(text, str) or not text:
        return {}
    if "://" not in text:
        words = (word.partition("=") for word in text.split())
        return {name: value.strip("'") for name, _, value in words if name in {"host", "port", "dbname"}}
    parts = urlsplit(text)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    name = parts.netloc.rpartition("@")[2].partition(",")[0]
    host, _, port = name.rpartition(":") if ":" in name and not name.endswith("]") else (name, "", "")
    return {
        "host": query.get("host") or unquote(host.strip("[]")),
        "port": query.get("port") or port,
        "dbname": query.get("dbname") or unquote(parts.path.lstrip("/")),
    }
