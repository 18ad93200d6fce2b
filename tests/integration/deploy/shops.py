"""A shop that is deployed to: its project, its database, and what a deployment tells."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from adapter.bootstrap.backup import BackupRequest, backup_taker
from adapter.bootstrap.journal import IN_DATABASE, journal_of
from adapter.bootstrap.project import ProjectRequest, revision_databases
from adapter.outbound.migration.project.agent.protocol import Command
from adapter.outbound.migration.report.events_of_deployments import DeploymentEvents
from adapter.outbound.migration.target.applier import AgentApplier
from adapter.outbound.migration.target.deployer import deployer
from adapter.outbound.migration.target.journal.database import DatabaseJournal
from adapter.outbound.migration.target.probes import ConfiguredProbes
from adapter.outbound.migration.target.scout import LockWait
from adapter.outbound.migration.target.state import DatabaseTarget
from adapter.outbound.migration.target.upgrade import upgrade_job
from adapter.outbound.migration.target.walled import deploying_process
from adapter.outbound.migration.trial.migrated_project import SandboxProject
from adapter.outbound.migration.trial.revision_files import ListedRevisionFiles
from adapter.outbound.postgres.url import DatabaseURL
from domain.migration.deployment.backup import Backup, BackupScope
from domain.migration.deployment.deployment import Attempted, DeploymentReport
from domain.migration.deployment.leftovers import Leftover
from domain.migration.deployment.lock_policy import LockPolicy
from domain.migration.deployment.plan import Part, PartKind, Plan, Step
from tests.conftest import Server
from tests.unit.domain.migration.deployment.plans import lock, planned

SHOPS = """
CREATE TABLE shops (id bigserial PRIMARY KEY, name text);
INSERT INTO shops (name) SELECT 'shop ' || i FROM generate_series(1, 1000) i;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('r1');
ANALYZE
"""
ALTER = "ALTER TABLE shops ADD COLUMN phone text"
ADD = f'op.execute("{ALTER}")'
DROP = 'op.execute("ALTER TABLE shops DROP COLUMN phone")'
BUILD = (
    "with op.get_context().autocommit_block():\n"
    '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")\n'
    '    op.execute("CREATE INDEX CONCURRENTLY shops_name ON shops (name)")'
)
SLEEPING = """
SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(count%' AND datname = 'hexalembic_empty'
"""
UNBUILD = 'with op.get_context().autocommit_block():\n    op.execute("DROP INDEX CONCURRENTLY IF EXISTS shops_name")'


@dataclass
class Told(DeploymentEvents):
    """What a deployment told, and what is to be done when it does."""

    waits_told: list[LockWait] = field(default_factory=list)
    attempts: list[Attempted] = field(default_factory=list)
    backups: list[Backup] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    at_step: Callable[[Step], object] = lambda _step: None
    at_attempt: Callable[[Attempted], object] = lambda _attempt: None

    def backs_up(self, done: int, count: int, name: str) -> None:
        """Do nothing."""

    def backed_up(self, backup: Backup) -> None:
        """Note it."""
        self.backups.append(backup)

    def dropped(self, leftover: Leftover) -> None:
        """Note it."""
        self.leftovers.append(leftover.index)

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
            deploying_process(sys.executable, job, url, isolated=True, network=False, output=None) as (process, led),
            AgentApplier(process, led, url, policy, told.waits) as applier,
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
        return planned(revision, lock("public.shops"), sha256=sha256, statements=(ALTER,))
    return planned(
        revision, sha256=sha256, parts=(Part(PartKind.AUTOCOMMIT, 1, 2),), builds={"public.shops_name": "public.shops"}
    )


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
