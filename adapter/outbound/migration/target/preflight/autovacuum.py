"""Autovacuum on a table of the plan: it gives way after deadlock_timeout, but not when it prevents a wraparound."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "autovacuum"
TITLE = "no autovacuum works on a table of the plan"
REMEDY = "let a role with pg_read_all_stats run this"
SEES_SESSIONS = True

_WORKERS = """
SELECT DISTINCT l.relation::int8, a.pid, a.query LIKE '%%(to prevent wraparound)'
  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE a.backend_type = 'autovacuum worker' AND l.locktype = 'relation' AND l.granted
   AND l.mode = 'ShareUpdateExclusiveLock' AND l.relation = ANY (%s) AND a.datname = current_database()
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report the workers on such tables."""
    for oid, pid, prevents_wraparound in subject.rows(_WORKERS, list(subject.relations)):
        table = subject.relations[oid]
        if prevents_wraparound:
            yield Finding(
                CODE,
                Outcome.FAILED,
                f"autovacuum prevents a wraparound on {table} (process {pid}), and gives way to nobody",
                "deploy when it has ended: pg_stat_progress_vacuum shows how far it is",
            )
        else:
            yield Finding(
                CODE,
                Outcome.WARNING,
                f"autovacuum works on {table} (process {pid}), and gives way to a lock that waits for deadlock_timeout",
                "a lock timeout below deadlock_timeout gives up before: deploy when it has ended",
            )
