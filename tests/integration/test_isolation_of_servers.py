"""What a revision does to the server of its sandbox: nothing on somebody else's, nothing lasting on its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.isolation.server_attacks import (
    CORE_ON_A_SERVER,
    ON_A_SERVER,
    ON_EMBEDDED,
    ON_EMBEDDED_FOR_A_WHILE,
    ON_ITS_OWN_DATABASE,
    ON_ITS_OWN_ROLE,
)
from tests.integration.isolation.user import Account, User, accounts, folder_for_everybody
from tests.integration.isolation.victim import Victim, running_victim

ROLE = "hexalembic_sandbox"
_PASSWORD = "a-password"  # noqa: S105 - of a server that lives for one test
_CREATE = 'op.execute("CREATE TABLE orders (id int PRIMARY KEY)")'
MAJORS = [pytest.param(18, id="18"), pytest.param(16, id="16", marks=[pytest.mark.long, pytest.mark.exhaustive])]


def _by_itself(statement: str) -> str:
    """Return the body of an upgrade that runs a statement outside a transaction."""
    return f"with op.get_context().autocommit_block():\n        op.get_bind().exec_driver_sql({statement!r})"


@pytest.fixture(params=MAJORS)
def lender(request: pytest.FixtureRequest) -> Iterator[Victim]:
    """Return a server of somebody else, with the shop on it."""
    with running_victim(request.param) as one:
        yield one


@pytest.fixture
def one(tmp_path: Path) -> Iterator[User]:
    """Return a user whose sandbox is on that server."""
    with folder_for_everybody("hxa") as folder:
        yield User(accounts()[0], folder, tmp_path)


def _url(lender: Victim, role: str, database: str) -> str:
    return f"postgresql://{role}:{_PASSWORD}@127.0.0.1:{lender.port}/{database}"


def _make_role(lender: Victim, said: str) -> None:
    """Run the statements that the command gave; other ones must not be needed."""
    statements = re.findall(r"^\s+((?:CREATE|REVOKE|GRANT) .*;)$", said, re.MULTILINE)
    assert sum(not statement.startswith("GRANT") for statement in statements) >= 3, said
    with lender.connect("postgres") as connection:
        for statement in statements:
            connection.execute(statement.replace("…", _PASSWORD).encode())


@pytest.mark.long
def test_unfit_roles_are_refused(one: User, lender: Victim) -> None:
    """A superuser, and a role that reaches other databases, are refused with the statements that make a fitting one."""
    one.write_statements({"harmless": "SELECT 1"}, _by_itself)
    with lender.connect("postgres") as connection:
        connection.execute(f"CREATE ROLE reaching LOGIN CREATEDB PASSWORD '{_PASSWORD}'".encode())
        connection.execute(f"CREATE ROLE maker LOGIN CREATEDB CREATEROLE PASSWORD '{_PASSWORD}'".encode())
    for role, reason in (("keeper", "superuser"), ("reaching", "shop"), ("maker", "create roles")):
        refused = one.migrate("analyze", "-c", "alembic.ini", "--sandbox-url", _url(lender, role, "postgres"))
        assert refused.returncode == 2, refused.stderr
        assert reason in refused.stderr
        assert "Traceback" not in refused.stderr
        assert _PASSWORD not in refused.stderr
    _make_role(lender, refused.stderr)
    done = one.migrate("analyze", "-c", "alembic.ini", "head", "--sandbox-url", _url(lender, ROLE, ROLE))
    assert done.returncode == 0, done.stderr


@pytest.fixture
def fitting(one: User, lender: Victim) -> str:
    """Return the URL of a fitting role, made by the statements that the command gives."""
    one.write_statements({"harmless": "SELECT 1"}, _by_itself)
    refused = one.migrate("analyze", "-c", "alembic.ini", "--sandbox-url", _url(lender, "keeper", "postgres"))
    _make_role(lender, refused.stderr)
    return _url(lender, ROLE, ROLE)


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "names"),
    [
        pytest.param("analyze", CORE_ON_A_SERVER, id="core"),
        pytest.param("analyze", tuple(ON_A_SERVER), id="analyze", marks=pytest.mark.long),
        pytest.param("verify", tuple(ON_A_SERVER), id="verify", marks=[pytest.mark.long, pytest.mark.exhaustive]),
    ],
)
def test_statements_reach_nothing_else(
    one: User, lender: Victim, fitting: str, command: str, names: tuple[str, ...]
) -> None:
    """Other databases, roles, settings and sessions of the server are as before, and each statement has a verdict."""
    statements = {name: ON_A_SERVER[name].replace("{data}", str(lender.data)) for name in names}
    one.write_statements(statements, _by_itself)
    with lender.connect("shop") as session:
        session.execute("LISTEN attack")
        before, backend = lender.state(), session.info.backend_pid
        done = one.migrate(command, "-c", "alembic.ini", "r0:heads", "--sandbox-url", fitting, "--format", "json")
        assert "Traceback" not in done.stdout + done.stderr
        assert done.returncode in {0, 1}, done.stderr
        assert session.execute("SELECT pg_backend_pid()").fetchone() == (backend,)
        assert list(session.notifies(timeout=0)) == []
        assert lender.state() == before
    report = json.loads(done.stdout)
    assert {revision["revision"] for revision in report["revisions"]} == set(statements)
    again = one.migrate("analyze", "-c", "alembic.ini", "r0", "--sandbox-url", fitting)
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.long
def test_other_databases_are_not_reached_through_the_sandbox(one: User, lender: Victim, fitting: str) -> None:
    """The way to the sandbox's server leads to no other database there."""
    # below the drivers that are redirected, by the variables that the project is given
    one.write_statements(
        {name: name for name in ("shop", "postgres", "pristine")},
        lambda name: (
            "import psycopg\n"
            f"    reached = psycopg.pq.PGconn.connect(b'dbname={name}')\n"
            "    assert reached.status != psycopg.pq.ConnStatus.OK, 'THERE'\n"
            "    raise RuntimeError(reached.error_message.decode())"
        ),
    )
    since = lender.log_position()
    done = one.migrate("analyze", "-c", "alembic.ini", "r0:heads", "--sandbox-url", fitting, "--format", "json")
    assert done.returncode == 1, done.stderr
    for revision in json.loads(done.stdout)["revisions"]:
        assert "THERE" not in str(revision["upgrade"]["error"]), revision["upgrade"]
    came = {seen.user for seen in lender.connections(since)}
    assert came <= {ROLE}


@pytest.mark.long
@pytest.mark.some(1)
@pytest.mark.parametrize("name", [*ON_ITS_OWN_ROLE, *ON_ITS_OWN_DATABASE])
def test_what_a_role_does_to_itself(one: User, lender: Victim, fitting: str, name: str) -> None:
    """A revision that spoils its own role or home is told so, and the next command works or says what to do."""
    attack = {**ON_ITS_OWN_ROLE, **ON_ITS_OWN_DATABASE}[name]
    one.write_statements({name: attack, "harmless": "SELECT 1"}, _by_itself)
    before = lender.state("shop")
    spoiled = one.migrate("analyze", "-c", "alembic.ini", name, "--sandbox-url", fitting)
    assert "Traceback" not in spoiled.stdout + spoiled.stderr
    again = one.migrate("analyze", "-c", "alembic.ini", "harmless", "--sandbox-url", fitting)
    assert again.returncode in ({0} if name in ON_ITS_OWN_ROLE else {0, 2, 3}), again.stdout + again.stderr
    assert again.returncode == 0 or "hint:" in again.stderr
    assert "Traceback" not in again.stdout + again.stderr
    assert lender.state("shop") == before


@pytest.fixture(scope="module")
def spoiled_sandbox() -> Iterator[Path]:
    """Return a folder for the servers that are attacked, in which they stay from one attack to the next."""
    with folder_for_everybody("hxs") as folder:
        yield folder


def _attacks() -> Iterator[Any]:
    for major, account in ((18, accounts()[0]), (16, accounts()[-1])):
        for name in ON_EMBEDDED:
            yield pytest.param(major, account, name, id=f"{major}-{account.name}-{name}")


@pytest.mark.long
@pytest.mark.some(2)
@pytest.mark.parametrize(("major", "account", "name"), list(_attacks()))
def test_the_next_project_finds_the_server_whole(
    spoiled_sandbox: Path, major: int, account: Account, name: str
) -> None:
    """Whatever a revision does to the embedded server, its own command ends in a sentence and the next one works."""
    sandbox = spoiled_sandbox / account.name
    sandbox.mkdir(exist_ok=True)
    with folder_for_everybody("hxa") as folder:
        made = User(account, folder, sandbox)
        made.own(sandbox)
        statement = ON_EMBEDDED[name].replace("{here}", str(sandbox / str(major)))
        made.write_statements({"attack": statement, "harmless": "SELECT 1"}, _by_itself)
        spoiled = made.migrate("analyze", "-c", "alembic.ini", "attack", "--pg", str(major))
        assert "Traceback" not in spoiled.stdout + spoiled.stderr
        again = made.migrate("analyze", "-c", "alembic.ini", "harmless", "--pg", str(major), "--format", "json")
        assert again.returncode == 0, f"{spoiled.stdout}{spoiled.stderr}\n{again.stdout}{again.stderr}"
        assert json.loads(again.stdout)["revisions"][0]["verdict"] == "safe"


@pytest.mark.long
@pytest.mark.some(1)
@pytest.mark.parametrize("name", ON_EMBEDDED_FOR_A_WHILE)
def test_a_server_that_does_not_answer_ends_in_a_sentence(name: str) -> None:
    """Commands give up on a server that a revision has stopped from answering, and say so."""
    with folder_for_everybody("hxs") as sandbox, folder_for_everybody("hxa") as folder:
        made = User(accounts()[-1], folder, sandbox)
        made.own(sandbox)
        statement = ON_EMBEDDED_FOR_A_WHILE[name].replace("{here}", str(sandbox / "18"))
        made.write_statements({"attack": statement, "harmless": "SELECT 1"}, _by_itself)
        for wanted in ("attack", "harmless"):
            ended = made.migrate("analyze", "-c", "alembic.ini", wanted)
            assert "Traceback" not in ended.stdout + ended.stderr
            assert ended.returncode == 0 or "hint:" in ended.stderr
