"""Transactions that hold locks which the plan needs: everything that queues behind the plan's lock would wait, too."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from adapter.outbound.postgres.holders import end_them
from domain.migration.deployment.preflight import Finding, Outcome
from domain.migration.locks import LockMode

CODE = "long-transactions"
TITLE = "no long transaction holds a lock that the plan needs"
REMEDY = "let a role with pg_read_all_stats run this"
SEES_SESSIONS = True
_LONG = 5.0  # seconds; shorter transactions are the traffic itself
_TOO_LONG = 60.0  # seconds

_LOCKS = """
SELECT l.relation::int8, l.mode, coalesce(l.pid, 0),
       CASE WHEN p.gid IS NOT NULL THEN format('ROLLBACK PREPARED %%L', p.gid) END,
       a.state LIKE 'idle in transaction%%' OR a.xact_start IS NULL OR a.xact_start < now() - make_interval(secs => %s)
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  -- A prepared transaction keeps the virtual id of the session that prepared it, and a lock on its own number.
  LEFT JOIN pg_catalog.pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
                                 AND x.virtualtransaction = l.virtualtransaction
  LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = x.transactionid
 WHERE l.granted AND l.locktype = 'relation' AND l.relation = ANY (%s)
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
   AND l.pid IS DISTINCT FROM pg_backend_pid()
   AND coalesce(a.backend_type, '') <> 'autovacuum worker'
   AND coalesce(a.xact_start, p.prepared, '-infinity') < now() - make_interval(secs => %s)
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report sessions and prepared transactions that have held such a lock for some seconds.

    One that works may end soon; one that does nothing, or has worked for a minute, stops the deployment.
    """
    relations = subject.relations
    sessions: dict[int, set[str]] = {}
    prepared: dict[str, set[str]] = {}
    stopping: set[int] = set()
    for oid, mode, pid, end, stops in subject.rows(_LOCKS, _TOO_LONG, list(relations), _LONG):
        relation = relations[oid]
        if any(LockMode.parse(mode).conflicts_with(wanted) for wanted in subject.modes[relation]):
            if end:
                prepared.setdefault(end, set()).add(relation)
            else:
                sessions.setdefault(pid, set()).add(relation)
                stopping |= {pid} if stops else set()
    for holder in subject.holders(sessions):
        yield Finding(
            CODE,
            Outcome.FAILED if holder.pid in stopping else Outcome.WARNING,
            f"the plan would wait for {', '.join(sorted(sessions[holder.pid]))}: {holder}",
            f"wait for its end, or end it: {end_them((holder,))}",
        )
    for end, held in prepared.items():
        message = f"the plan would wait for {', '.join(sorted(held))}, which a prepared transaction holds"
        yield Finding(CODE, Outcome.FAILED, message, end)
