"""Standbys and replication slots.

A rewrite of a table sends all of its rows to each standby, and a slot that nobody reads keeps them on the disk.
"""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "replication"
TITLE = "standbys keep up, and each replication slot is read"
REMEDY = "let a role with pg_read_all_stats run this"
SEES_SESSIONS = True
_LAG = 10.0  # seconds

_STANDBYS = """
SELECT coalesce(nullif(application_name, ''), host(client_addr), 'a standby'), extract(epoch FROM replay_lag)::float8
  FROM pg_catalog.pg_stat_replication WHERE replay_lag > make_interval(secs => %s)
"""
_SLOTS = """
SELECT slot_name, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))
  FROM pg_catalog.pg_replication_slots WHERE NOT active AND NOT pg_is_in_recovery()
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report standbys that are behind, and slots that nobody reads."""
    for name, lag in subject.rows(_STANDBYS, _LAG):
        yield Finding(
            CODE,
            Outcome.WARNING,
            f"{name} is {lag:,.0f} s behind, and will be more so",
            "deploy when it has caught up",
        )
    for slot, kept in subject.rows(_SLOTS):
        yield Finding(
            CODE,
            Outcome.WARNING,
            f"nobody reads the replication slot {slot}, which keeps {kept or 'no'} WAL on the disk",
            f"let its reader connect, or: SELECT pg_drop_replication_slot('{slot}')",
        )
