"""Connections that are left: a deployment needs a few, and the application needs the rest."""

from collections.abc import Iterator

from adapter.outbound.migration.target.preflight._subject import Subject
from domain.migration.deployment.preflight import Finding, Outcome

CODE = "connections-left"
TITLE = "enough connections are left"
REMEDY = "read pg_stat_database as the role that migrates"
NEEDED = 4  # the upgrade, the advisory lock, the journal, and who watches the blockers

# Of the server, the database and the role, what is left is the least; -1 is no limit. Superusers may use the reserve.
# Everybody may read these numbers and the roles of sessions, but not which sessions are those of clients.
_LEFT = """
WITH reserved AS (
    SELECT CASE WHEN r.rolsuper THEN 0 ELSE (
               SELECT sum(setting::int) FROM pg_catalog.pg_settings
                WHERE name IN ('superuser_reserved_connections', 'reserved_connections')) END AS number
      FROM pg_catalog.pg_roles r WHERE r.rolname = current_user
)
SELECT current_setting('max_connections')::int - (SELECT number FROM reserved)
           - (SELECT sum(numbackends) FROM pg_catalog.pg_stat_database),
       (SELECT datconnlimit - numbackends
          FROM pg_catalog.pg_database d JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
         WHERE d.datname = current_database() AND datconnlimit >= 0),
       (SELECT rolconnlimit - (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.usesysid = r.oid)
          FROM pg_catalog.pg_roles r WHERE rolname = current_user AND rolconnlimit >= 0)
"""
_LIMITS = (
    ("the server", "max_connections"),
    ("the database", "ALTER DATABASE … CONNECTION LIMIT"),
    ("the role", "ALTER ROLE … CONNECTION LIMIT"),
)


def check(subject: Subject) -> Iterator[Finding]:
    """Report a limit below which too few connections are left."""
    (left,) = subject.rows(_LEFT)
    for number, (owner, setting) in zip(left, _LIMITS, strict=True):
        if number is not None and number < NEEDED:
            yield Finding(
                CODE,
                Outcome.FAILED,
                f"{owner} has {max(int(number), 0)} connections left, and a deployment needs {NEEDED}",
                f"close idle sessions, or raise {setting}",
            )
