"""Faults in the midst of a step: each leaves a stated state, and the next run ends as an undisturbed one does."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapter.outbound.migration.catalog.inspector import snapshot
from adapter.outbound.postgres import embedded
from domain.migration.deployment.deployment import Ending
from domain.migration.deployment.journal import Event
from domain.migration.snapshot import SchemaSnapshot
from tests.conftest import Server
from tests.history import History
from tests.integration.deploy.faults import BASE, FAULTS, ROWS, STEPS, Place, Work, kill_client
from tests.integration.deploy.shops import Deployment, journal
from tests.support import wait_until

_DATABASE = "faulty"


@pytest.fixture(scope="module", params=["18", "16"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A server of its own, for all cells of a major."""
    place = Place(Path(tempfile.mkdtemp(prefix="hx")), int(request.param))
    place.start()
    yield place
    embedded.stop(place.major, place.root, force=True)
    shutil.rmtree(place.root, ignore_errors=True)


@pytest.fixture
def same_server(place: Place, request: pytest.FixtureRequest) -> Server:
    """The server of the sandbox, of the same major."""
    server: Server = request.getfixturevalue(f"server_{place.major}")
    return server


def deployment_of(place: Place, server: Server, history: History, work: Work) -> Deployment:
    """Return a deployment of one step to a new database with rows."""
    history.add("r1", None, "\n".join(f"op.execute({sql!r})" for sql in BASE), "pass")
    history.add("r2", "r1", work.upgrade, "pass")
    with psycopg.connect(place.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
    url = place.url(_DATABASE)
    with psycopg.connect(url, autocommit=True) as connection:
        for sql in BASE:
            connection.execute(sql)
        connection.execute("ALTER TABLE shops DISABLE TRIGGER ALL")
        connection.execute(f"INSERT INTO shops (name) SELECT 'shop ' || i FROM generate_series(1, {ROWS}) i")
        connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('r1')")
    config = history.folder.parent / f"{history.folder.name}_project" / "alembic.ini"
    return Deployment(url, config if config.exists() else history.plain_ini(), server)


def state(url: str) -> tuple[SchemaSnapshot, list[tuple[Any, ...]]]:
    """Return the schema and the rows of a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        return snapshot(connection), connection.execute("SELECT * FROM shops ORDER BY id").fetchall()


@pytest.mark.few(3)
@pytest.mark.parametrize("fault", [*FAULTS, "kill -9 of the client"])
@pytest.mark.parametrize("step", STEPS)
def test_the_next_run_ends_as_an_undisturbed_one(
    place: Place, same_server: Server, history: History, step: str, fault: str
) -> None:
    """Whatever ends the step, the state is known, and catalog and data are those of a run that nothing disturbs."""
    work = STEPS[step]
    undisturbed = deployment_of(place, same_server, history, work)
    assert undisturbed.run("r2").current == ("r2",)
    expected = state(undisturbed.url)

    deployment = deployment_of(place, same_server, history, work)
    if fault in FAULTS:
        disturbing = threading.Thread(target=FAULTS[fault], args=(place, deployment, work))
        report = deployment.run("r2", before=disturbing.start)
        disturbing.join()
        assert report.last_attempt is not None
        assert report.last_attempt.ending is Ending.LOST
        assert (report.current, report.steps[-1].applied) == (("r1",), False)
        assert journal(deployment.url).read()[-1].event is Event.FAILED
    else:
        kill_client(deployment, work)
        assert [entry.event for entry in journal(deployment.url).read()] == [Event.STARTED]
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            wait_until(lambda: connection.execute(work.midst).fetchone() is None)  # the server notices that it has gone

    again = deployment.run("r2")
    assert not again.failed, again.last_attempt
    assert again.current == ("r2",)
    assert state(deployment.url) == expected
