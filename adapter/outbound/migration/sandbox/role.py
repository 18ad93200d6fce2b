"""Which role a server of somebody else may lend to the sandbox: one that reaches nothing but the sandbox's databases.

Revisions run as this role, and whatever they do, Postgres lets them do no more than it may. So a role that may do more
is not taken. Every database but the sandbox's own must be closed to it: Postgres lets everybody connect to a new
database (the manual, "Privileges"), and the owner of a database may drop it without connecting.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.postgres.errors import DatabaseConfigurationError

HOME = "hexalembic_sandbox"  # the sandbox's own databases are called so, or begin so and with an underscore
BASE = f"{HOME}_base"  # what databases are made from where there is one; it may have extensions that are not trusted

# Predefined roles that only look at the server; all others can do something to it, and Postgres gets new ones.
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
# Who will want to connect to what is closed to everybody: the roles that can log in and have no privilege of their own.
_OTHERS = """
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
    """The role of `--sandbox-url` may do more than the sandbox needs, or less."""


@dataclass(frozen=True)
class _Database:
    name: str
    owned: bool
    open: bool
    current: bool


def check_role(connection: psycopg.Connection[Any]) -> None:
    """Raise an error that says how to make a fitting role, unless the connected one reaches the sandbox only.

    Raises:
        UnfitRoleError: It may do more, or may not create databases.
    """
    faults = list(_faults(connection))
    if faults:
        name = connection.info.user
        raise UnfitRoleError(
            f"the role {name!r} of --sandbox-url {'; '.join(faults)}", "\n".join(_statements(connection))
        )


def _faults(connection: psycopg.Connection[Any]) -> Iterator[str]:
    row = connection.execute(_ATTRIBUTES).fetchone()
    assert row is not None  # noqa: S101 - the session has a role
    _, superuser, makes_roles, bypasses, replicates, makes_databases = row
    if superuser:
        yield "is a superuser"
        return
    may = {
        "create roles": makes_roles,
        "bypass row security": bypasses,
        "replicate": replicates,
    }
    more = [name for name, has in may.items() if has]
    if more:
        yield f"may {_listed(more)}"
    members = [str(name) for (name,) in connection.execute(_MEMBERSHIPS, (_HARMLESS,)).fetchall()]
    if members:
        yield f"is a member of {_listed(members)}"
    databases = [_Database(*found) for found in connection.execute(_DATABASES, {"home": HOME}).fetchall()]
    owned = [one.name for one in databases if one.owned]
    if owned:
        yield f"owns {_listed(owned)}"
    reached = [one.name for one in databases if one.open and not one.owned]
    if reached:
        yield f"may connect to {_listed(reached)}"
    if not makes_databases:
        yield "may not create databases"


def _statements(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Return what an administrator runs to make a fitting role on this server."""
    yield "use a role that owns the sandbox's databases only; a superuser makes one by"
    role = sql.Identifier(HOME)
    closed = _names(connection, _CLOSABLE)
    yield _text("  CREATE ROLE {} LOGIN CREATEDB PASSWORD '…';", connection, role)
    yield _text("  CREATE DATABASE {} OWNER {};", connection, role, role)
    if closed:
        yield _text("  REVOKE CONNECT ON DATABASE {} FROM PUBLIC;", connection, _identifiers(closed))
        row = connection.execute(_OTHERS, (HOME,)).fetchall()
        others = [str(name) for (name,) in row]
        if others:
            yield "and whoever connects there as somebody other than its owner keeps doing so by"
            yield _text("  GRANT CONNECT ON DATABASE {} TO {};", connection, _identifiers(closed), _identifiers(others))
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
