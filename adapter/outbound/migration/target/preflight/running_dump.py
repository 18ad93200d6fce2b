"""A running pg_dump: it holds a lock on every table, so that no ALTER gets one before it ends."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "running-dump"
TITLE = "no pg_dump is running"
REMEDY = "let a role with pg_read_all_stats run this"
SEES_SESSIONS = True

_DUMPS = """
SELECT pid FROM pg_catalog.pg_stat_activity WHERE application_name = 'pg_dump' AND datname = current_database()
"""


def check(subject: Subject) -> Iterator[Finding]:
    """Report each session of pg_dump."""
    for holder in subject.holders(int(pid) for (pid,) in subject.rows(_DUMPS)):
        yield Finding(CODE, Outcome.FAILED, f"a backup is running: {holder}", "deploy when it has ended")
