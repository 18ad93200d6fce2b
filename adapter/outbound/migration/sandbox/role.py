"""Checks the role of a sandbox on a server that others use: it must reach nothing but the sandbox's databases.

Revisions run as this role, and Postgres limits them to its privileges. A role with more privileges than the sandbox
needs is refused. The role may not connect to any other database, although Postgres lets everybody connect to a new
database (the manual, "Privileges"). It may not own any other database either, because an owner may drop a database
without connecting to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.postgres.errors import DatabaseConfigurationError

HOME = "hexalembic_sandbox"  # a database of the sandbox; all of its others are named HOME_…
BASE = f"{HOME}_base"  # databases are copied from it when it exists; it may have extensions that are not trusted

# Predefined roles that are allowed, because they hardly do more than read the server's state. All others are refused,
# those of future versions included.
_HARMLESS = [
    "pg_checkpoint",
    "pg_database_owner",
    "pg_monitor",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_use_reserved_connections",
]
_ATTRIBUTES = """
SELECT session_user::text, rolsuper, rolcreaterole, rolbypassrls, rolreplication, rolcreatedb
  FROM pg_catalog.pg_roles WHERE rolname = session_user
"""
_MEMBERSHIPS = """
SELECT rolname::text FROM pg_catalog.pg_roles
 WHERE rolname <> session_user AND pg_catalog.pg_has_role(session_user, oid, 'MEMBER')
   AND (rolsuper OR rolcreaterole OR rolbypassrls OR rolreplication
        OR rolname LIKE 'pg\\_%%' AND rolname <> ALL (%s))
 ORDER BY 1
"""
_DATABASES = """
SELECT d.datname::text,
       pg_catalog.pg_has_role(session_user, d.datdba, 'MEMBER') AS owned,
       d.datallowconn AND pg_catalog.has_database_privilege(session_user, d.oid, 'CONNECT') AS open,
       d.datname = pg_catalog.current_database() AS current
  FROM pg_catalog.pg_database d
 WHERE d.datname <> %(home)s AND NOT starts_with(d.datname::text, %(home)s || '_')
   AND (pg_catalog.pg_has_role(session_user, d.datdba, 'MEMBER')
        OR d.datallowconn AND pg_catalog.has_database_privilege(session_user, d.oid, 'CONNECT'))
 ORDER BY 1
"""
# The roles that lose their access when CONNECT is revoked from PUBLIC: those that can log in and are no superusers.
_LOGIN_ROLES = """
SELECT r.rolname::text FROM pg_catalog.pg_roles r
 WHERE r.rolcanlogin AND NOT r.rolsuper AND r.rolname <> session_user AND r.rolname <> %s ORDER BY 1
"""
_CLOSABLE = """
SELECT datname::text FROM pg_catalog.pg_database d
 WHERE datallowconn AND datname <> %(home)s AND NOT starts_with(datname::text, %(home)s || '_')
   AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(datacl, pg_catalog.acldefault('d', datdba))) a
                WHERE a.grantee = 0 AND a.privilege_type = 'CONNECT')
 ORDER BY 1
"""


class UnfitRoleError(DatabaseConfigurationError):
    """An error that refuses the role of `--sandbox-url`, because it has too many privileges or too few."""


@dataclass(frozen=True)
class _Database:
    name: str
    owned: bool
    open: bool
    current: bool


def check_role(connection: psycopg.Connection[Any]) -> None:
    """Raise an error that says how to create a suitable role, unless the role of a session is suitable.

    Raises:
        UnfitRoleError: The role can reach more than the sandbox, or may not create databases.
    """
    faults = list(_faults(connection))
    if faults:
        name = connection.info.user
        raise UnfitRoleError(
            f"the role {name!r} of --sandbox-url {'; '.join(faults)}", "\n".join(_instructions(connection))
        )


def _faults(connection: psycopg.Connection[Any]) -> Iterator[str]:
    row = connection.execute(_ATTRIBUTES).fetchone()
    assert row is not None  # noqa: S101 - the session has a role
    _, is_superuser, creates_roles, bypasses_row_security, replicates, creates_databases = row
    if is_superuser:
        yield "is a superuser"
        return
    excess_privileges = {
        "create roles": creates_roles,
        "bypass row security": bypasses_row_security,
        "replicate": replicates,
    }
    actions = [action for action, is_allowed in excess_privileges.items() if is_allowed]
    if actions:
        yield f"may {_listed(actions)}"
    memberships = [str(name) for (name,) in connection.execute(_MEMBERSHIPS, (_HARMLESS,)).fetchall()]
    if memberships:
        yield f"is a member of {_listed(memberships)}"
    databases = [_Database(*row) for row in connection.execute(_DATABASES, {"home": HOME}).fetchall()]
    owned = [database.name for database in databases if database.owned]
    if owned:
        yield f"owns {_listed(owned)}"
    reachable = [database.name for database in databases if database.open and not database.owned]
    if reachable:
        yield f"may connect to {_listed(reachable)}"
    if not creates_databases:
        yield "may not create databases"


def _instructions(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Return the lines that tell an administrator how to create a suitable role on this server."""
    yield "use a role that owns the sandbox's databases only; a superuser makes one by"
    role = sql.Identifier(HOME)
    databases = _names(connection, _CLOSABLE)
    yield _text("  CREATE ROLE {} LOGIN CREATEDB PASSWORD '…';", connection, role)
    yield _text("  CREATE DATABASE {} OWNER {};", connection, role, role)
    if databases:
        yield _text("  REVOKE CONNECT ON DATABASE {} FROM PUBLIC;", connection, _identifiers(databases))
        rows = connection.execute(_LOGIN_ROLES, (HOME,)).fetchall()
        login_roles = [str(name) for (name,) in rows]
        if login_roles:
            yield "and whoever connects there as somebody other than its owner keeps doing so by"
            yield _text(
                "  GRANT CONNECT ON DATABASE {} TO {};", connection, _identifiers(databases), _identifiers(login_roles)
            )
    yield f"then name it: --sandbox-url postgresql://{HOME}:…@HOST/{HOME}"
    yield f"an extension that only a superuser may create (pgvector is one) goes into a database {BASE},"
    yield _text("  CREATE DATABASE {} OWNER {};", connection, sql.Identifier(BASE), role)
    yield "from which the sandbox then makes its own"


def _names(connection: psycopg.Connection[Any], query: str) -> list[str]:
    return [str(name) for (name,) in connection.execute(query.encode(), {"home": HOME}).fetchall()]


def _text(form: Any, connection: psycopg.Connection[Any], *parts: sql.Composable) -> str:
    return sql.SQL(form).format(*parts).as_string(connection)


def _identifiers(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
