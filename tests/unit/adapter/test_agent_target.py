"""The ways of drivers to the database that `migrate up` names, whatever address a project has."""

from typing import Any

import pytest

from adapter.outbound.migration.project.agent.failures import RefusedError
from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.agent.target import Target
from tests.jobs import agent_job

_LIBPQ = {
    "host": "db1,db2",
    "port": "5432,5433",
    "user": "ana",
    "password": "s",
    "dbname": "shop",
    "sslmode": "verify-full",
}


def target(**parameters: str) -> Target:
    """Return a target with further parameters in its URL."""
    made = Target()
    made.point_at(
        agent_job(
            address={"host": "db1", "port": 5432, "user": "ana", "password": "s", "dbname": "shop"},
            command=Command.UP,
            trace=False,
            target={
                "libpq": {**_LIBPQ, **parameters},
                "asyncpg": {"dsn": "postgresql://ana:s@db1:5432,db2:5433/shop?sslmode=verify-full", "timeout": 3.0},
                "variables": {},
                "query": "SELECT 1",
                "identity": "1",
            },
        )
    )
    return made


@pytest.mark.parametrize(
    ("positional", "named"),
    [
        (("postgresql://bob:x@elsewhere:1/other?sslmode=disable",), {}),
        (("host=elsewhere dbname=other user=bob",), {"autocommit": True}),
        (("",), {"host": "elsewhere", "dbname": "other", "sslmode": "disable", "autocommit": True}),
    ],
)
def test_libpq(positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    """The whole address is that of the URL, encryption included; other arguments stay."""
    arguments = target().libpq(positional, named, "dbname")

    assert arguments == {**_LIBPQ, **{name: value for name, value in named.items() if name == "autocommit"}}


def test_options() -> None:
    """Settings of both come together, and those of the URL win; what has been led once stays as it is."""
    to = target(options="-clock_timeout=1s")
    first = to.libpq(("postgresql://elsewhere/other?options=-csearch_path%3Da&application_name=env",), {}, "dbname")

    assert first["options"] == "-csearch_path=a -clock_timeout=1s"
    assert first["application_name"] == "env"
    assert to.libpq((), {**_LIBPQ, "options": "-clock_timeout=1s"}, "dbname")["options"] == "-clock_timeout=1s"


def test_asyncpg() -> None:
    """The address is a DSN with all that asyncpg knows, and settings of the session stay."""
    arguments = target().asyncpg({"host": "elsewhere", "ssl": False, "server_settings": {"search_path": "a"}})

    assert arguments["dsn"].startswith("postgresql://ana:s@db1:5432,db2:5433/shop")
    assert arguments["timeout"] == 3.0
    assert arguments["server_settings"] == {"search_path": "a"}
    assert not {"host", "ssl"} & arguments.keys()


def test_pg8000() -> None:
    """Encryption is what the URL wants, in the form of this driver."""
    context = target().pg8000({"host": "elsewhere"})["ssl_context"]

    assert context.check_hostname
    assert "ssl_context" not in target(sslmode="prefer").pg8000({"host": "elsewhere"})


def test_one_address_more() -> None:
    """A project may have another address than the URL in whatever spelling, but not two."""
    to = target()
    for text in ("postgresql://db1/shop", "postgresql://elsewhere/other", "host=elsewhere dbname=other port=5432"):
        to.libpq((text,), {}, "dbname")
    to.asyncpg({"host": "elsewhere", "database": "other", "port": 5432})

    with pytest.raises(RefusedError, match="two databases, other on elsewhere and legacy on elsewhere"):
        to.asyncpg({"dsn": "postgresql://bob:x@elsewhere/legacy"})
