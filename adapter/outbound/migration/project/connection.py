"""The address of a sandbox database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from adapter.outbound.postgres import direct


@dataclass(frozen=True)
class Connection:
    """The address of a sandbox database.

    Attributes:
        host: Host name, or the directory of the Unix socket.
        port: TCP port, or the number in the name of the Unix socket.
        user: Name of the role.
        password: Password of the role; None when the server requires none.
        dbname: Name of the database.
        parameters: All parameters of the URL, as libpq names them, such as `sslmode`.
    """

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    dbname: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether the address is a Unix socket."""
        return self.host.startswith("/")

    @classmethod
    def parse(cls, url: str) -> "Connection":
        """Return the address in a URL of libpq's form."""
        parts = psycopg.conninfo.conninfo_to_dict(url)
        return cls(
            host=str(parts.get("host") or "localhost"),
            port=int(parts.get("port") or 5432),
            user=str(parts.get("user") or "postgres"),
            password=None if parts.get("password") is None else str(parts["password"]),
            dbname=str(parts.get("dbname") or "postgres"),
            parameters={name: str(value) for name, value in parts.items() if value is not None},
        )

    def connect(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Return a new session at the address."""
        address: dict[str, Any] = {**self.parameters, "password": self.password, "dbname": self.dbname}
        address |= {"host": self.host, "port": self.port, "user": self.user}
        return direct.connect(**{**address, "application_name": "hexalembic-observer"}, autocommit=autocommit)
