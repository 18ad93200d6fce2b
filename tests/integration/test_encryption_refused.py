"""Where no encrypted connection can be had, or none without encryption, `alembic` and `migrate` say why alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import trustme

from tests.conftest import SERVERS, Server
from tests.integration.encrypting import encrypting, plain
from tests.support import run

pytestmark = pytest.mark.parametrize("server", SERVERS[:1], indirect=True)


def said(url: str, exit_code: int) -> tuple[str, str]:
    """Return the two lines that both commands say of a URL."""
    alembic = run("alembic", "-x", f"url={url}", "current", url="")
    migrate = run("adapter.inbound.cli.migrate", "status", "--url", url)
    assert (alembic.returncode, migrate.returncode) == (255, exit_code), alembic.stdout + migrate.stderr
    assert "Traceback" not in alembic.stderr + migrate.stderr
    what, how = (line.strip() for line in alembic.stdout.strip().splitlines())
    assert migrate.stderr.splitlines() == [what.replace("FAILED: ", "error: "), how]
    return what, how


def test_server_without_encryption(server: Server) -> None:
    """A server that does not encrypt is no server that is down."""
    with plain(server) as port:
        what, how = said(f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=require", 3)

    assert "does not encrypt connections, and sslmode=require demands it" in what
    assert "write sslmode=prefer in the URL of this call" in how


@contextmanager
def _rule(server: Server, rule: str) -> Iterator[None]:
    """Put a rule before the others of pg_hba.conf."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        hba = Path(row[0])
        before = hba.read_text(encoding="utf-8")
        hba.write_text(f"{rule}\n{before}", encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")
        yield
        hba.write_text(before, encoding="utf-8")
        connection.execute("SELECT pg_reload_conf()")


def test_server_that_demands_encryption(server: Server) -> None:
    """A server that admits nobody without encryption gets the mode that encrypts, not a question about the password."""
    with _rule(server, "local all encrypted reject"):
        url = f"{server.url().replace('://postgres@', '://encrypted@')}&sslmode=disable"
        what, how = said(url, 3)

    assert "The server refused a connection without encryption" in what
    assert "Write sslmode=require in place of sslmode=disable in the URL of this call" in how


@pytest.mark.long
def test_certificate_that_is_not_trusted(server: Server, tmp_path: Path) -> None:
    """A certificate of an unknown authority, or with another name, is not trusted; no authority at all is said."""
    authority, root, other = trustme.CA(), tmp_path / "root.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(root)
    trustme.CA().cert_pem.write_to_path(other)
    with encrypting(server, authority) as port:
        for address in (
            f"localhost:{port}/postgres?sslrootcert={other}",
            f"127.0.0.1:{port}/postgres?sslrootcert={root}",
        ):
            what, how = said(f"postgresql://postgres@{address}&sslmode=verify-full", 3)
            assert "The certificate of the server at" in what
            assert "sslrootcert=FILE" in how


@pytest.mark.few(1)
@pytest.mark.parametrize("name", ["sslrootcert", "sslcert"])
def test_file_that_is_not_there(server: Server, tmp_path: Path, name: str) -> None:
    """A certificate that cannot be read is named with its path; that is a fault of the configuration."""
    with encrypting(server, trustme.CA()) as port:
        url = f"postgresql://postgres@localhost:{port}/postgres?sslmode=verify-full&{name}={tmp_path}/none.pem"
        what, how = said(url, 2)

    assert f"The file of {name} cannot be read" in what
    assert f"{tmp_path}/none.pem" in what
    assert "Correct the path in the URL of this call" in how


@pytest.mark.long
def test_libpq_says_no_more_than_asyncpg(server: Server) -> None:
    """What the server says to a connection is understood from both drivers, though libpq gives no SQLSTATE for it."""
    what, how = said(server.url("no_such_database"), 3)

    assert "The database does not exist at" in what
    assert 'CREATE DATABASE "no_such_database"' in how
    what, how = said(server.url().replace("://postgres@", "://no_such_role@"), 3)
    assert "The server refused the login at" in what
    assert "Correct user and password in the URL of this call" in how


@pytest.mark.long
def test_authorities_of_the_system(server: Server, tmp_path: Path) -> None:
    """`sslrootcert=system` trusts the system's authorities with both drivers, and no other one."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authorities.pem"))
    with encrypting(server, authority) as port:
        url = f"postgresql://postgres@localhost:{port}/postgres?sslmode=verify-full&sslrootcert=system"
        trusted = [
            run(*command, url=url, SSL_CERT_FILE=str(tmp_path / "authorities.pem"))
            for command in (("alembic", "current"), ("adapter.inbound.cli.migrate", "status"))
        ]
        what, _ = said(url, 3)

    assert [result.returncode for result in trusted] == [0, 0], trusted
    assert "is not trusted" in what
