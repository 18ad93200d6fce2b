"""The address of a sandbox database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from adapter.outbound.postgres import direct


@dataclass(frozen=True)
class Connection:
    """Address of the sandbox database.

    Attributes:
        host: Host name, or the directory of the Unix socket.
        port: TCP port, or what names the socket.
        user: Role.
        password: Its password, None where none is asked for.
        dbname: Database.
        parameters: All that libpq was told, such as `sslmode`.
    """

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)
    dbname: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_local(self) -> bool:
        """Whether it is a Unix socket."""
        return self.host.startswith("/")

    @classmethod
    def parse(cls, url: str) -> "Connection":
        """Read a URL in libpq's form."""
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
        """Open a session."""
        address: dict[str, Any] = {**self.parameters, "password": self.password, "dbname": self.dbname}
        address |= {"host": self.host, "port": self.port, "user": self.user}
        return direct.connect(**{**address, "application_name": "hexalembic-observer"}, autocommit=autocommit)
