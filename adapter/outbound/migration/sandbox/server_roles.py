"""Separate roles for each database of a server.

Roles belong to the whole server, and so do privileges on parameters and the records of what depends on roles. Without
this module, a revision that creates a role would find the role when it runs again on a copy. It could not drop the role
while another copy has privileges for it. Therefore the rows of the shared catalogs are removed when another database is
used, and inserted again when their own database is used. The same is done for settings and comments of roles, and for
subscriptions, which would prevent the drop of their database.

Source: the Postgres manual, chapter "System Catalogs": pg_authid, pg_auth_members, pg_db_role_setting, pg_subscription,
pg_shdepend, pg_parameter_acl, pg_shdescription.
"""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

# The rows of each shared catalog that belong to a database: its roles, their memberships in either direction and those
# that it gave the server's own roles, settings and comments of all roles, privileges on parameters, its subscriptions.
# The rows of pg_shdepend include the dependencies of the database's objects on its roles.
_SHARES = {
    "pg_authid": "oid = ANY (%(roles)s)",
    "pg_auth_members": "roleid = ANY (%(roles)s) OR member = ANY (%(roles)s) OR oid::bigint >= 16384",
    "pg_db_role_setting": "setrole = ANY (%(roles)s) OR setrole::bigint < 16384 AND setdatabase::bigint < 16384",
    "pg_shdescription": "classoid = 'pg_authid'::regclass",
    "pg_parameter_acl": "true",
    "pg_subscription": "subdbid = %(database)s",
    "pg_shdepend": "dbid IN (0, %(database)s) AND (refclassid = 'pg_authid'::regclass AND refobjid = ANY (%(roles)s)"
    " OR classid = 'pg_authid'::regclass AND objid = ANY (%(roles)s))",
}

_PG_DATABASE = 1262  # OID of that catalog, the same on every server

_AUTHID = """
SELECT coalesce(json_agg(to_jsonb(a) ORDER BY oid), '[]')::text FROM pg_authid AS a WHERE oid = ANY (%s)
"""
_RESTORE = """
UPDATE pg_authid AS a
   SET (rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
        rolconnlimit, rolpassword, rolvaliduntil)
     = (r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
        r.rolbypassrls, r.rolconnlimit, r.rolpassword, r.rolvaliduntil)
  FROM json_populate_recordset(NULL::pg_authid, %s::json) AS r WHERE r.oid = a.oid
"""


class ServerRoles:
    """The roles, settings of roles and subscriptions of each database of a server.

    Attributes:
        always: OIDs of the roles that existed before. All databases see them, and changes of them are undone.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Read the roles that exist.

        Args:
            connection: A superuser's session on the server.
        """
        self._connection = connection
        self.always = self._all_roles()
        self._original_roles = self._read_shared_roles()
        self._shares: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._shown: str | None = None

    def show(self, database: str) -> None:
        """Insert the roles of a database into the server, and remove those of any other database."""
        if self._read_shared_roles() != self._original_roles:  # a revision may have locked out its own role
            self._connection.execute(_RESTORE, (self._original_roles,))
        if self._shown == database:
            return
        with self._connection.transaction():
            self._remove_current()
            for catalog, rows in self._shares.get(database, {}).items():
                self._insert(catalog, rows)
        self._shown = database

    def copied(self, source: str, copy: str) -> None:
        """Record that a database is a copy of another one, whose roles are in the server now."""
        share = self._read(source)
        if any(share.values()):
            oid = self._oid(copy)
            if share["pg_authid"]:  # Postgres has recorded the dependencies of the copied objects on roles, too
                with self._connection.transaction():
                    copied = self._read(copy)
                    for catalog in ("pg_shdepend", "pg_db_role_setting"):
                        share[catalog] = [row for row in copied[catalog] if not _is_of(row, self._oid(source))]
                    _delete_copied(self._connection, self._own_roles(), oid)
            share["pg_subscription"] = [row | {"subdbid": oid} for row in share["pg_subscription"]]
            self._shares[copy] = share
        self._shown = source

    def has(self, database: str) -> bool:
        """Return whether a database has rows of its own in the shared catalogs."""
        self.show(database)
        return any(self._read(database).values())

    def forget(self, database: str) -> None:
        """Remove the roles of a dropped database."""
        if self._shown == database:
            with self._connection.transaction():
                self._remove_current()
        self._shares.pop(database, None)

    def _remove_current(self) -> None:
        """Remove the roles of the current database from the server, and keep them for the next time."""
        shown, self._shown = self._shown or "", None
        share = self._read(shown)
        if any(share.values()):
            self._shares[shown] = share
            _delete(self._connection, self._own_roles(), self._oid(shown))
        else:
            self._shares.pop(shown, None)

    def _read(self, database: str) -> dict[str, list[dict[str, Any]]]:
        subqueries = [
            sql.SQL("{}, (SELECT coalesce(json_agg(to_jsonb(c)), '[]') FROM {} AS c WHERE {})").format(
                sql.Literal(catalog), sql.Identifier(catalog), sql.SQL(condition)
            )
            for catalog, condition in _SHARES.items()
        ]
        query = sql.SQL("SELECT json_build_object({})").format(sql.SQL(", ").join(subqueries))
        row = self._connection.execute(query, {"roles": self._own_roles(), "database": self._oid(database)}).fetchone()
        assert row is not None  # noqa: S101 - an aggregate always returns a row
        share: dict[str, list[dict[str, Any]]] = row[0]
        return share

    def _insert(self, catalog: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            name = sql.Identifier(catalog)
            query = sql.SQL("INSERT INTO {} SELECT * FROM json_populate_recordset(NULL::{}, %s::json)").format(
                name, name
            )
            self._connection.execute(query, (json.dumps(rows),))

    def _own_roles(self) -> list[int]:
        return sorted(self._all_roles() - self.always)

    def _all_roles(self) -> set[int]:
        return {oid for (oid,) in self._connection.execute("SELECT oid::bigint FROM pg_authid").fetchall()}

    def _read_shared_roles(self) -> str:
        row = self._connection.execute(_AUTHID, (sorted(self.always),)).fetchone()
        return str(row[0]) if row else ""

    def _oid(self, database: str) -> int:
        query = "SELECT oid::bigint FROM pg_database WHERE datname = %s"
        row = self._connection.execute(query, (database,)).fetchone()
        return int(row[0]) if row else 0


def drop_roles(connection: psycopg.Connection[Any]) -> list[str]:
    """Remove all roles that are not built in from a server, whatever depends on them.

    Returns:
        The names of the databases that depended on one of these roles, or had objects which did.
    """
    query = """
        SELECT DISTINCT datname FROM pg_shdepend AS s
          JOIN pg_database AS d ON d.oid = s.dbid OR s.classid = 'pg_database'::regclass AND d.oid = s.objid
        WHERE refclassid = 'pg_authid'::regclass AND refobjid::bigint >= 16384
    """
    databases = [str(name) for (name,) in connection.execute(query).fetchall()]
    roles = connection.execute("SELECT oid::bigint FROM pg_authid WHERE oid::bigint >= 16384").fetchall()
    with connection.transaction():
        _delete(connection, [oid for (oid,) in roles], 0)
    return databases


def _is_of(row: dict[str, Any], database: int) -> bool:
    """Return whether a row of pg_shdepend or pg_db_role_setting is about a database itself, by the database's OID."""
    if "setdatabase" in row:
        return int(row["setdatabase"]) == database
    return (int(row["classid"]), int(row["objid"])) == (_PG_DATABASE, database)


def _delete_copied(connection: psycopg.Connection[Any], roles: Sequence[int], copy: int) -> None:
    """Delete what the roles of the source have in its copy, as long as the source is shown."""
    connection.execute(
        "DELETE FROM pg_shdepend WHERE dbid = %(copy)s OR classid = %(catalog)s AND objid = %(copy)s",
        {"copy": copy, "catalog": _PG_DATABASE},
    )
    connection.execute(
        "DELETE FROM pg_db_role_setting WHERE setdatabase = %s AND setrole = ANY (%s)", (copy, list(roles))
    )


def _delete(connection: psycopg.Connection[Any], roles: Sequence[int], database: int) -> None:
    for catalog, condition in reversed(_SHARES.items()):
        query = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(catalog), sql.SQL(condition))
        connection.execute(query, {"roles": roles, "database": database})
