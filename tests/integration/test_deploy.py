"""`migrate deploy` on a real server: short locks, a journal, and a known state whatever happens."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import psycopg
import pytest

from adapter.bootstrap.backup import BackupRequest, backup_taker
from adapter.bootstrap.journal import IN_DATABASE, journal_of
from adapter.bootstrap.project import ProjectRequest, revision_databases
from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.project.agent_process import AgentProcess
from adapter.outbound.migration.report.events_of_deployments import DeploymentEvents
from adapter.outbound.migration.target.applier import AgentApplier
from adapter.outbound.migration.target.deployer import deployer
from adapter.outbound.migration.target.deployment_lock import AdvisoryLock
from adapter.outbound.migration.target.journal.database import DatabaseJournal
from adapter.outbound.migration.target.journal.local_file import FileJournal, place_in
from adapter.outbound.migration.target.probes import ConfiguredProbes
from adapter.outbound.migration.target.scout import LockWait
from adapter.outbound.migration.target.state import DatabaseTarget
from adapter.outbound.migration.target.upgrade import upgrade_job
from adapter.outbound.migration.trial.migrated_project import SandboxProject
from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
from adapter.outbound.postgres.errors import DatabaseError
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.backup import Backup, BackupScope
from domain.migration.deployment.deployment import Attempted, DeploymentReport, Ending
from domain.migration.deployment.journal import Event
from domain.migration.deployment.lock_policy import LockPolicy
from domain.migration.deployment.plan import Part, PartKind, Plan, Step
from domain.migration.deployment.preflight import Outcome
from domain.migration.errors import StalePlanError
from tests.conftest import Server
from tests.history import History
from tests.support import PROJECT_ROOT, process_environment, wait_until
from tests.unit.domain.migration.deployment.plans import lock, planned

_SHOPS = """
CREATE TABLE shops (id bigserial PRIMARY KEY, name text);
INSERT INTO shops (name) SELECT 'shop ' || i FROM generate_series(1, 1000) i;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('r1');
ANALYZE
"""
_ALTER = "ALTER TABLE shops ADD COLUMN phone text"
_ADD = f'op.execute("{_ALTER}")'
_DROP = 'op.execute("ALTER TABLE shops DROP COLUMN phone")'
_BUILD = (
    "with op.get_context().autocommit_block():\n"
    '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")\n'
    '    op.execute("CREATE INDEX CONCURRENTLY shops_name ON shops (name)")'
)
_SLEEPING = """
SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(count%' AND datname = 'hexalembic_empty'
"""
_UNBUILD = 'with op.get_context().autocommit_block():\n    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")'


@dataclass
class Told(DeploymentEvents):
    """What a deployment told, and what is to be done when it does."""

    waits_told: list[LockWait] = field(default_factory=list)
    attempts: list[Attempted] = field(default_factory=list)
    backups: list[Backup] = field(default_factory=list)
    at_step: Callable[[Step], object] = lambda _step: None
    at_attempt: Callable[[Attempted], object] = lambda _attempt: None

    def backs_up(self, done: int, count: int, name: str) -> None:
        """Do nothing."""

    def backed_up(self, backup: Backup) -> None:
        """Note it."""
        self.backups.append(backup)

    def step_begins(self, step: Step, number: int, steps: int) -> None:
        """Do what is to be done."""
        assert 1 <= number <= steps
        self.at_step(step)

    def attempt_ended(self, step: Step, attempt: Attempted, number: int) -> None:
        """Note it."""
        assert step.revision
        assert number
        self.attempts.append(attempt)
        self.at_attempt(attempt)

    def verifies(self) -> None:
        """Do nothing."""

    def waits(self, wait: LockWait) -> None:
        """Note it."""
        self.waits_told.append(wait)


@pytest.fixture
def shop(history: History, empty_url: str) -> History:
    """A project with three revisions, the first of which the database has."""
    create = 'op.execute("CREATE TABLE shops (id bigserial PRIMARY KEY, name text)")'
    history.add("r1", None, create, 'op.execute("DROP TABLE shops")')
    history.add("r2", "r1", _ADD, _DROP)
    history.add("r3", "r2", _BUILD, _UNBUILD)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(_SHOPS)
    return history


@dataclass(frozen=True)
class Deployment:
    """What deploys a project to a database, without the plan that analyzing and proving would give.

    Attributes:
        url: The database.
        config: The configuration file of the project.
        server: Has the sandbox.
    """

    url: str
    config: Path
    server: Server

    def run(
        self,
        *revisions: str,
        told: Told | None = None,
        policy: LockPolicy = LockPolicy(),  # noqa: B008 - it is frozen
        before: Callable[[], object] = lambda: None,
        scope: BackupScope = BackupScope.NONE,
    ) -> DeploymentReport:
        """Deploy some revisions to a database at r1; `before` is called between the plan and the first step."""
        told = told or Told()
        url = DatabaseURL.parse(self.url)
        request = ProjectRequest(config=self.config, sandbox_url=self.server.url(), any_role=True, rows=0)
        job = upgrade_job(self.config, url, is_named=True, command=Command.DEPLOY)
        folder = self.config.parent
        with (
            revision_databases(request) as databases,
            AgentProcess(walled=False, network=True) as process,
            AgentApplier(process, job, url, policy, told.waits) as applier,
            journal_of(IN_DATABASE, folder, url, DatabaseTarget(url).identity()) as journal,
        ):
            project, files, target = SandboxProject(databases), ListedRevisionFiles(databases), DatabaseTarget(url)
            entries = {entry.revision: entry for entry in project.history().entries}
            tables = project.version_tables()
            plan = Plan(
                target=target.identity(),
                current=target.state(tables).current,
                goal=revisions[-1:],
                catalog=target.schema(tables).digest(),
                steps=tuple(_step(revision, files.sha256(entries[revision])) for revision in revisions),
            )
            before()
            taker = backup_taker(url, BackupRequest(scope, folder / "backups"), tables)
            probes = ConfiguredProbes((), url, folder)
            use_case = deployer(project, target, files, applier, journal, probes, (taker, scope), url, 0.0)
            return use_case(plan, told)


def _step(revision: str, sha256: str) -> Step:
    """Return a step as a plan has it: r2 locks the shops, r3 builds an index beside the traffic."""
    if revision == "r2":
        return planned(revision, lock("public.shops"), sha256=sha256, statements=(_ALTER,))
    return planned(revision, sha256=sha256, parts=(Part(PartKind.AUTOCOMMIT, 1, 2),))


@pytest.fixture
def deployment(shop: History, server: Server, empty_url: str) -> Deployment:
    """The project with the plainest env.py, and its database."""
    return Deployment(empty_url, shop.plain_ini(), server)


def journal(url: str) -> DatabaseJournal:
    """Return the journal of a database."""
    return DatabaseJournal(DatabaseURL.parse(url))


def columns(url: str) -> set[str]:
    """Return the columns of the shops."""
    with psycopg.connect(url) as connection:
        query = (
            "SELECT attname FROM pg_attribute WHERE attrelid = 'shops'::regclass AND attnum > 0 AND NOT attisdropped"
        )
        return {name for (name,) in connection.execute(query)}


@contextmanager
def reading(url: str, seconds: float) -> Iterator[None]:
    """Read the shops in a transaction of some seconds, in another thread."""
    begun = threading.Event()

    def read() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT count(*) FROM shops")
            begun.set()
            connection.execute("SELECT pg_sleep(%s)", (seconds,))

    thread = threading.Thread(target=read)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        thread.join()


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
    shop.add("r2", "r1", f'{_ADD}\nop.execute("ALTER TABLE nowhere ADD COLUMN x integer")', _DROP)
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
    shop.add("r2", "r1", f"{_ADD}\nop.execute('SELECT pg_sleep(count(*) / 100) FROM shops')", _DROP)

    def end() -> None:
        with psycopg.connect(deployment.url, autocommit=True) as connection:
            wait_until(lambda: connection.execute(_SLEEPING).fetchone())
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM ({_SLEEPING}) s")

    killer = threading.Thread(target=end)
    report = deployment.run("r2", before=killer.start)
    killer.join()

    assert report.last_attempt is not None
    assert report.last_attempt.ending is Ending.LOST
    assert report.steps[-1].applied is False
    assert (report.current, columns(deployment.url)) == (("r1",), {"id", "name"})


@pytest.mark.long
@pytest.mark.one_major
def test_the_command_with_a_reviewed_plan(shop: History, empty_url: str, tmp_path: Path) -> None:
    """A plan is deployed from its file; a changed one is refused with exit 2; events are JSON, one a line."""
    config = str(shop.ini())
    plan = tmp_path / "plan.json"
    written = _migrate("plan", "-c", config, "--url", empty_url, "--format", "json")
    assert written.returncode == 0, written.stderr
    content = json.loads(written.stdout)
    plan.write_text(json.dumps(content | {"current": ["r0"]}))
    options = ("-c", config, "--url", empty_url, "--yes", "--format", "json", "--plan", str(plan))
    tampered = _migrate("deploy", *options)
    assert (tampered.returncode, "was changed after it was written" in tampered.stderr) == (2, True)

    plan.write_text(written.stdout)
    done = _migrate("deploy", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names == ["plan", "preflight", "step", "attempt", "step", "attempt", "verifying", "ended"]
    assert (events[-1]["current"], events[-1]["failed"], events[-1]["applied"]) == (["r3"], False, ["r2", "r3"])

    stale = _migrate("deploy", *options)
    assert (stale.returncode, "the plan is out of date" in stale.stderr) == (2, True)
    nothing = _migrate("deploy", "-c", config, "--url", empty_url)
    assert (nothing.returncode, "nothing to do" in nothing.stdout) == (0, True)


@pytest.mark.long
@pytest.mark.one_major
def test_ctrl_c(shop: History, empty_url: str) -> None:
    """Twice, it cancels the step that waits; once, it ends after the step; the next run goes on in either case."""
    twice = _interrupted(shop, empty_url, 2)
    assert twice.returncode == 130, twice.stdout + twice.stderr
    assert "interrupted: 0 of 2 steps applied" in twice.stdout
    assert "The database is at r1." in twice.stdout
    assert columns(empty_url) == {"id", "name"}
    once = _interrupted(shop, empty_url, 1)
    assert once.returncode == 3, once.stdout + once.stderr
    assert "Stopping after the step that runs" in once.stderr
    assert "stopped: 1 of 2 steps applied" in once.stdout
    assert "Not done: r3." in once.stdout
    nobody = _migrate("deploy", "-c", str(shop.ini()), "--url", empty_url)
    assert (nobody.returncode, "there is nobody to ask" in nobody.stderr) == (2, True)
    done = _migrate("deploy", "-c", str(shop.ini()), "--url", empty_url, "--yes")
    assert "deployed: 1 of 1 step applied" in done.stdout


def _migrate(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = process_environment()
    return subprocess.run(
        [*_COMMAND, *arguments], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )


def _interrupted(shop: History, url: str, times: int) -> subprocess.CompletedProcess[str]:
    """Run a deployment, press Ctrl-C so often while its first step waits for a lock, and release that."""
    command = [*_COMMAND, "deploy", "-c", str(shop.ini()), "--url", url, "--yes"]
    lines: list[str] = []
    with (
        subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env=process_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
        psycopg.connect(url) as other,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if line.startswith("ready for"):
                other.execute("SELECT count(*) FROM shops")
            if line.startswith("      waiting"):
                break
        for _ in range(times):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.3)
        other.rollback()
        output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, "".join(lines) + output, errors)


_COMMAND = [sys.executable, "-u", "-c", "from adapter.inbound.cli.migrate import main; main()"]
