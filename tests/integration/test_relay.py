"""What leads the project's process to a sandbox on a server that a URL names leads nowhere else."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import trustme

from adapter.bootstrap.analyze import TargetRequest, analyze_revisions
from adapter.bootstrap.project import ProjectRequest
from adapter.outbound.migration.project.relay import Relay
from tests.conftest import SERVERS, Server
from tests.history import History
from tests.integration.encrypting import encrypting


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A relay that leads nowhere yet."""
    with Relay() as opened:
        yield opened


def _through(relay: Relay, server: Server, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(host=relay.folder, user=server.user, dbname=database, password=server.password)


def _parameters(server: Server, database: str = "postgres", **more: str) -> dict[str, str]:
    return {"host": server.host, "port": str(server.port), "dbname": database, "user": server.user, **more}


def test_only_one_database_is_reached(relay: Relay, server: Server, migrated_url: str) -> None:
    """The database in use is reached; another one of the same server is refused with its name, and the session ends."""
    relay.lead_to(_parameters(server))
    with _through(relay, server, "postgres") as session:
        assert session.execute("SELECT current_database()").fetchall() == [("postgres",)]
    name = str(psycopg.conninfo.conninfo_to_dict(migrated_url)["dbname"])
    with pytest.raises(psycopg.OperationalError, match=f"only the sandbox's own database can be reached, not {name}"):
        _through(relay, server, name)


def test_only_one_role_logs_in(relay: Relay, server: Server) -> None:
    """A role other than the sandbox's is refused with its name, though the server would let it in from here."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as session:
        session.execute("CREATE ROLE hexalembic_lent LOGIN")
    try:
        relay.lead_to(_parameters(server, user="hexalembic_lent"))
        with psycopg.connect(host=relay.folder, user="hexalembic_lent", dbname="postgres") as lent:
            assert lent.execute("SELECT session_user::text").fetchall() == [("hexalembic_lent",)]
        with pytest.raises(
            psycopg.OperationalError, match=f"only the sandbox's own role can log in, not {server.user}"
        ):
            _through(relay, server, "postgres")
    finally:
        with psycopg.connect(server.url("postgres"), autocommit=True) as session:
            session.execute("DROP ROLE hexalembic_lent")


def test_the_database_of_env_stays_reachable(relay: Relay, server: Server, migrated_url: str) -> None:
    """Where env.py is run beforehand it may connect while another database is in use, until the next such one."""
    name = str(psycopg.conninfo.conninfo_to_dict(migrated_url)["dbname"])
    relay.lead_to(_parameters(server, name), keep=True)
    relay.lead_to(_parameters(server))
    for database in (name, "postgres"):
        with _through(relay, server, database) as session:
            assert session.execute("SELECT current_database()").fetchall() == [(database,)]
    relay.lead_to(_parameters(server), keep=True)
    with pytest.raises(psycopg.OperationalError, match="only the sandbox's own database"):
        _through(relay, server, name)


def test_large_results_and_cancellation(relay: Relay, server: Server) -> None:
    """What a session sends and gets is carried whole, and a request to cancel a statement arrives."""
    relay.lead_to(_parameters(server))
    with _through(relay, server, "postgres") as session:
        sent = "x" * 5_000_000
        assert session.execute("SELECT %s::text || 'y'", (sent,)).fetchall() == [(f"{sent}y",)]
        threading.Timer(0.2, session.cancel_safe).start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute("SELECT pg_sleep(60)")


def test_a_server_that_is_not_there_is_said(relay: Relay, tmp_path: Path) -> None:
    """A server that does not answer ends the session in a sentence, not in silence."""
    relay.lead_to({"host": str(tmp_path), "dbname": "postgres", "user": "postgres"})
    with pytest.raises(psycopg.OperationalError, match="the sandbox's server cannot be reached"):
        psycopg.connect(host=relay.folder, user="postgres", dbname="postgres")


@pytest.mark.parametrize("name", ["x" * 90, "a,b"], ids=["long", "comma"])
def test_a_folder_for_temporary_files_that_no_socket_fits_into(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The socket lies elsewhere where its address would be too long, or would be read as two."""
    (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    with Relay() as relay:
        relay.lead_to(_parameters(server))
        with _through(relay, server, "postgres") as session:
            assert session.execute("SELECT 1").fetchall() == [(1,)]
    assert not Path(relay.folder).exists()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of this test's own."""
    return trustme.CA()


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
def test_encryption(relay: Relay, server: Server, authority: trustme.CA, tmp_path: Path, mode: str) -> None:
    """A server that encrypts is reached in each of libpq's modes, with the certificate that the URL names."""
    root = tmp_path / "root.pem"
    authority.cert_pem.write_to_path(root)
    with encrypting(server, authority) as port:
        relay.lead_to(
            {
                "host": "localhost",
                "port": str(port),
                "dbname": "postgres",
                "user": server.user,
                "sslmode": mode,
                "sslrootcert": str(root),
            }
        )
        with _through(relay, server, "postgres") as session:
            assert session.execute("SELECT 1").fetchall() == [(1,)]


@pytest.mark.parametrize("server", SERVERS[:1], indirect=True)
def test_encryption_that_cannot_be_trusted(relay: Relay, server: Server, authority: trustme.CA, tmp_path: Path) -> None:
    """A certificate of somebody else is refused, and so is a server without encryption where that is demanded."""
    root = tmp_path / "root.pem"
    trustme.CA().cert_pem.write_to_path(root)
    with encrypting(server, authority) as port:
        parameters = {"host": "localhost", "port": str(port), "dbname": "postgres", "user": server.user}
        relay.lead_to({**parameters, "sslmode": "verify-full", "sslrootcert": str(root)})
        with pytest.raises(psycopg.OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
            _through(relay, server, "postgres")


_MODELS = """
import os
import time
from pathlib import Path
import psycopg
time.sleep(1)  # as large projects take to import: by then another database is in use
with psycopg.connect(os.environ["SHOP_DSN"]) as session:
    session.execute("SELECT 1")
with Path(__file__).with_name("imports.txt").open("a") as file:
    file.write("imported\\n")
"""


@pytest.mark.long
def test_what_env_imports_is_imported_once(sandbox_url: str, history: History) -> None:
    """A module of env.py that connects when it is imported is not imported again for each job of a lent server."""
    last = None
    for number in range(4):
        create = f'op.create_table("t{number}", sa.Column("id", sa.Integer(), primary_key=True))'
        history.add(f"r{number}", last, create, f'op.drop_table("t{number}")')
        last = f"r{number}"
    config = history.plain_ini()
    env = config.parent / "env.py"
    (config.parent / "shop_models.py").write_text(_MODELS, encoding="utf-8")
    before = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent))\nimport shop_models\n"
    )
    env.write_text(before + env.read_text(encoding="utf-8"), encoding="utf-8")
    request = ProjectRequest(config=config, sandbox_url=sandbox_url, rows=10, environment=("SHOP_DSN",))
    report = analyze_revisions(request, "base:heads", TargetRequest(), lambda *_: None)

    assert [one.verdict for one in report.revisions] == ["safe"] * 4
    imports = (config.parent / "imports.txt").read_text(encoding="utf-8").splitlines()
    assert len(imports) < len(report.revisions)
