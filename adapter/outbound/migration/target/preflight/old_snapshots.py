"""Old snapshots: CREATE INDEX CONCURRENTLY waits for each one in the database, on whatever table it is used."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from adapter.outbound.postgres.holders import end_them
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "old-snapshots"
TITLE = "no old snapshot keeps a concurrent build waiting"
REMEDY = "let a role with pg_read_all_stats run this"
SEES_SESSIONS = True
_LONG = 5.0  # seconds

_SNAPSHOTS = """
SELECT pid FROM pg_catalog.pg_stat_activity
 WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
   AND backend_type <> 'autovacuum worker' AND xact_start < now() - make_interval(secs => %s)
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report sessions with an old snapshot if the plan works concurrently."""
    if subject.plan is None or not any(part.concurrent for step in subject.plan.steps for part in step.parts):
        return
    pids = [int(pid) for (pid,) in subject.rows(_SNAPSHOTS, _LONG)]
    for holder in subject.holders(pids):
        yield Finding(
            CODE,
            Outcome.WARNING,
            f"a concurrent build would wait for the snapshot of {holder}",
            f"wait for its end, or end it: {end_them((holder,))}",
        )
