"""A deployment on a real server: short locks, a journal, and a known state whatever happens."""

import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import psycopg
import pytest

from adapter.outbound.migration.target.deployment_lock import AdvisoryLock
from adapter.outbound.migration.target.journal.local_file import FileJournal, place_in
from adapter.outbound.migration.target.obstacles import Obstacles
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.backup import BackupScope
from domain.migration.deployment.deployment import Ending
from domain.migration.deployment.journal import Event
from domain.migration.deployment.lock_policy import Blockers, LockPolicy
from domain.migration.deployment.plan import Step
from domain.migration.deployment.preflight import Outcome
from domain.migration.errors import StalePlanError
from tests.history import History
from tests.integration.deploy.shops import (
    ADD,
    BUILD,
    DROP,
    SLEEPING,
    UNBUILD,
    Deployment,
    Told,
    columns,
    journal,
    reading,
)
from tests.support import wait_until
from tests.unit.domain.migration.deployment.plans import lock


def test_brings_a_database_to_the_goal(deployment: Deployment, shop: History) -> None:
    """All steps are applied and verified; both journals have each attempt, and the files that ran."""
    told = Told()
    report = deployment.run("r2", "r3", told=told, scope=BackupScope.FULL)

    assert not report.failed
    assert report.current == ("r3",)
    (backup,) = told.backups
    assert backup.manifest.tables["public.shops"] == 1000
    assert {finding.outcome for finding in report.findings} == {Outcome.PASSED}
    assert columns(deployment.url) == {"id", "name", "phone"}
    shared, local = journal(deployment.url), FileJournal(place_in(deployment.config.parent))
    assert [(entry.revision, entry.event) for entry in shared.read()] == [
        ("r2", Event.STARTED),
        ("r2", Event.COMMITTED),
        ("r3", Event.STARTED),
        ("r3", Event.COMMITTED),
    ]
    assert local.read() == shared.read()
    sha256 = report.plan.steps[0].sha256
    assert shared.kept_file(sha256) == local.kept_file(sha256) == (shop.folder / "r2.py").read_bytes()


def test_waits_where_it_holds_nobody_up(deployment: Deployment) -> None:
    """While a reader is in the way the statement is not sent, so that no other reader waits; then it goes at once."""
    told = Told()
    waiting: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        query = "SELECT count(*) FROM pg_locks WHERE relation = 'shops'::regclass AND NOT granted"
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            while not ended.wait(0.01):
                waiting.extend(count for (count,) in connection.execute(query))

    watcher = threading.Thread(target=watch)
    with ExitStack() as stack:

        def read() -> None:
            stack.enter_context(reading(deployment.url, 4.0))
            watcher.start()

        report = deployment.run("r2", told=told, before=read)
        ended.set()
        watcher.join()

    assert not report.failed
    assert [attempt.ending for attempt in told.attempts] == [Ending.APPLIED]
    assert told.attempts[0].waited > 0.5
    assert told.waits_told[0].holders
    assert "pg_sleep" in told.attempts[0].blockers[0]
    assert sum(waiting) == 0


def test_gives_up_at_the_deadline_and_goes_on_later(deployment: Deployment) -> None:
    """Nothing is changed, the session in the way is named with the statement that ends it; the next run finishes."""
    with psycopg.connect(deployment.url) as other:

        def hold() -> None:
            other.execute("SELECT count(*) FROM shops")

        report = deployment.run("r2", "r3", policy=LockPolicy(deadline=0.7), before=hold)
        assert report.last_attempt is not None
        assert report.last_attempt.ending is Ending.GAVE_UP
        assert f"process {other.info.backend_pid}" in report.last_attempt.message
        assert f"pg_terminate_backend({other.info.backend_pid})" in report.last_attempt.hint
        assert (report.current, [step.revision for step in report.not_done]) == (("r1",), ["r2", "r3"])
        assert columns(deployment.url) == {"id", "name"}

    assert deployment.run("r2", "r3").current == ("r3",)


def test_tries_again_what_gave_way(deployment: Deployment, shop: History) -> None:
    """A lock that no look has foreseen ends an attempt after a short timeout, and not the step, with any env.py."""
    for config in (deployment.config, shop.ini()):
        told = Told()
        with psycopg.connect(deployment.url) as other:
            # A lock on the version table is not among those of the trace.
            hold = partial(other.execute, "LOCK TABLE alembic_version IN SHARE MODE")
            told.at_attempt = lambda _attempt, rollback=other.rollback: rollback()  # type: ignore[misc]
            report = replace(deployment, config=config).run("r2", told=told, before=hold)
            pid = other.info.backend_pid

        assert not report.failed
        assert [attempt.ending for attempt in told.attempts] == [Ending.GAVE_WAY, Ending.APPLIED]
        assert f"process {pid}" in "".join(told.attempts[0].blockers)
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            connection.execute("ALTER TABLE shops DROP COLUMN phone; UPDATE alembic_version SET version_num = 'r1'")


def test_a_shorter_lock_timeout_of_the_revision_is_kept(deployment: Deployment, shop: History) -> None:
    """What the author has set is stricter than the policy, so that it holds; a longer one does not."""
    note = "op.execute(\"CREATE TABLE noted AS SELECT current_setting('lock_timeout') AS value\")"
    values = []
    for own in ("20ms", "2min"):
        shop.add("r2", "r1", f"op.execute(\"SET LOCAL lock_timeout = '{own}'\")\n{note}", "pass")
        deployment.run("r2", policy=LockPolicy(stall=0.2, longest_stall=0.2))
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            values += connection.execute("SELECT value FROM noted").fetchall()
            connection.execute("DROP TABLE noted; UPDATE alembic_version SET version_num = 'r1'")
    assert values == [("20ms",), ("200ms",)]


def test_a_revision_that_fails_leaves_a_known_state(deployment: Deployment, shop: History) -> None:
    """The revision is rolled back, and the report says why and what is left."""
    shop.add("r2", "r1", f'{ADD}\nop.execute("ALTER TABLE nowhere ADD COLUMN x integer")', DROP)
    report = deployment.run("r2", "r3")

    assert report.last_attempt is not None
    assert report.last_attempt.ending is Ending.FAILED
    assert 'relation "nowhere" does not exist' in report.last_attempt.message
    assert (report.current, columns(deployment.url)) == (("r1",), {"id", "name"})
    assert [step.revision for step in report.not_done] == ["r2", "r3"]
    entries = journal(deployment.url).read()
    assert entries[-1].event is Event.FAILED
    assert "nowhere" in entries[-1].message


def test_refuses_a_plan_that_is_out_of_date(deployment: Deployment) -> None:
    """A table that somebody adds while the plan is read makes it stale: nothing is written, not even the journal."""

    def change() -> None:
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE meanwhile (id integer)")

    with pytest.raises(StalePlanError, match="the schema has changed since"):
        deployment.run("r2", before=change)
    assert columns(deployment.url) == {"id", "name"}
    assert journal(deployment.url).read() == ()


def test_only_one_deployment_at_a_time(deployment: Deployment) -> None:
    """A second one is refused, and names the session of the first."""
    lock = AdvisoryLock(DatabaseURL.parse(deployment.url))
    with lock.held(), pytest.raises(DatabaseError, match="Another deployment of this database runs") as error:
        deployment.run("r2")
    assert "hexalembic deployment" in error.value.message
    assert "pg_terminate_backend" in error.value.hint
    assert columns(deployment.url) == {"id", "name"}


def test_finds_out_what_became_of_a_lost_connection(deployment: Deployment, shop: History) -> None:
    """Sessions that are ended in the midst of a step leave it undone, and the report says so."""
    shop.add("r2", "r1", f"{ADD}\nop.execute('SELECT pg_sleep(count(*) / 100) FROM shops')", DROP)

    def end() -> None:
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            wait_until(lambda: connection.execute(SLEEPING).fetchone())
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({SLEEPING}) s")

    killer = threading.Thread(target=end)
    report = deployment.run("r2", before=killer.start)
    killer.join()

    assert report.last_attempt is not None
    assert report.last_attempt.ending is Ending.LOST
    assert report.steps[-1].applied is False
    assert (report.current, columns(deployment.url)) == (("r1",), {"id", "name"})


def test_an_invalid_index_of_an_earlier_attempt_is_built_again(deployment: Deployment, shop: History) -> None:
    """It is dropped although the revision itself does not; one of somebody else stays as it is."""
    shop.add("r3", "r2", BUILD.replace('    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")\n', ""), UNBUILD)
    assert deployment.run("r2").current == ("r2",)
    with psycopg.connect(deployment.url, autocommit=True) as connection:
        connection.execute("CREATE INDEX shops_name ON shops (name); CREATE INDEX theirs ON shops (name)")
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indrelid = 'shops'::regclass AND NOT indisprimary"
        )
        refused = deployment.run("r3")
        assert refused.last_attempt is not None
        assert "already exists" in refused.last_attempt.message

        told = Told()
        report = deployment.run("r3", told=told)
        assert (report.current, told.leftovers) == (("r3",), ["public.shops_name"])
        valid = "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'shops'::regclass"
        assert dict(connection.execute(valid).fetchall()) == {"shops_pkey": True, "shops_name": True, "theirs": False}


def test_ends_who_does_nothing_in_a_transaction(deployment: Deployment) -> None:
    """With the user's leave, a session that is idle in a transaction is ended; one that works is waited for."""
    policy = LockPolicy(patience=0.3, deadline=60, cancels=Blockers.IDLE)
    with ExitStack() as stack, psycopg.connect(deployment.url) as other:

        def hold() -> None:
            other.execute("SELECT count(*) FROM shops")
            stack.enter_context(reading(deployment.url, 3.0))

        told = Told()
        report = deployment.run("r2", told=told, policy=policy, before=hold)
        assert not report.failed
        assert "pg_sleep" in "".join(told.attempts[0].blockers)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


def test_leaves_who_is_idle_between_two_statements(deployment: Deployment) -> None:
    """A transaction that has worked just now is idle in the server's eyes, too, and is not ended; an idle one is."""
    wanted = (lock("public.shops"),)
    with Obstacles(DatabaseURL.parse(deployment.url)) as obstacles, psycopg.connect(deployment.url) as other:
        other.execute("SELECT count(*) FROM shops")
        assert len(obstacles.read(wanted, ())) == 1
        obstacles.end(Blockers.IDLE, 3600.0)
        other.execute("SELECT 1")
        obstacles.end(Blockers.IDLE, 0.0)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


@pytest.mark.one_major
def test_stops_when_the_session_of_its_lock_has_ended(deployment: Deployment) -> None:
    """Another deployment could begin then; the step is not begun, and the next run brings the database to the goal."""

    def end(_step: Step) -> None:
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            session = "SELECT pid FROM pg_stat_activity WHERE application_name = 'hexalembic deployment'"
            connection.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM ({session}) s")

    report = deployment.run("r2", told=Told(at_step=end))
    assert report.last_attempt is not None
    assert "another one may have begun" in report.last_attempt.message
    assert (report.current, columns(deployment.url)) == (("r1",), {"id", "name"})
    assert deployment.run("r2").current == ("r2",)
