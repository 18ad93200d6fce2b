"""The roles of a server, as if each database had its own.

Roles belong to the server, and what depends on them is noted for all databases together. A revision that creates a role
would find it when it runs again on a copy, and could not drop it while another copy has something that was granted to
it. So the rows of the shared catalogs are put away with the database that they belong to, and brought back with it. The
same goes for settings of roles and for subscriptions, which would keep their database from being dropped.

Source: the Postgres manual, chapter "System Catalogs": pg_authid, pg_auth_members, pg_db_role_setting, pg_subscription,
pg_shdepend.
"""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

# What belongs to a database's share: its roles (a member's row counts with either role), settings of the server's own
# roles, subscriptions. The last one also holds what the database's own objects owe to roles.
_SHARES = {
    "pg_authid": "oid = ANY (%(roles)s)",
    "pg_auth_members": "roleid = ANY (%(roles)s) OR member = ANY (%(roles)s)",
    "pg_db_role_setting": "setrole = ANY (%(roles)s) OR setrole::bigint < 16384 AND setdatabase::bigint < 16384",
    "pg_subscription": "subdbid = %(database)s",
    "pg_shdepend": "dbid IN (0, %(database)s) AND (refclassid = 'pg_authid'::regclass AND refobjid = ANY (%(roles)s)"
    " OR classid = 'pg_authid'::regclass AND objid = ANY (%(roles)s))",
}


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
    """Which of the server's roles, their settings and subscriptions belong to which database.

    Attributes:
        always: Roles that were there before, which all databases see, and which stay as they are.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Begin with what is there; the connection's role must be a superuser."""
        self._connection = connection
        self.always = self._all()
        self._as_they_were = self._read_always()
        self._shares: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self._shown: str | None = None

    def show(self, database: str) -> None:
        """Let the server have the roles that belong to a database, and no other's."""
        if self._read_always() != self._as_they_were:  # a revision may have shut out the role that it runs as
            self._connection.execute(_RESTORE, (self._as_they_were,))
        if self._shown == database:
            return
        with self._connection.transaction():
            self._put_away()
            for catalog, rows in self._shares.get(database, {}).items():
                self._insert(catalog, rows)
        self._shown = database

    def copied(self, source: str, copy: str) -> None:
        """Note that a database is a copy of another, which is shown."""
        share = self._read(source)
        if any(share.values()):
            oid = self._oid(copy)
            if share["pg_authid"]:  # what the copied objects owe to roles has been noted for the copy as well
                with self._connection.transaction():
                    share["pg_shdepend"] = self._read(copy)["pg_shdepend"]
                    self._connection.execute("DELETE FROM pg_shdepend WHERE dbid = %s", (oid,))
            share["pg_subscription"] = [row | {"subdbid": oid} for row in share["pg_subscription"]]
            self._shares[copy] = share
        self._shown = source

    def has(self, database: str) -> bool:
        """Return whether a database has anything of its own that lives outside of it."""
        self.show(database)
        return any(self._read(database).values())

    def forget(self, database: str) -> None:
        """Let a dropped database's roles go with it."""
        if self._shown == database:
            with self._connection.transaction():
                self._put_away()
        self._shares.pop(database, None)

    def _put_away(self) -> None:
        """Take the roles of the database that is shown out of the server."""
        shown, self._shown = self._shown or "", None
        share = self._read(shown)
        if any(share.values()):
            self._shares[shown] = share
            _delete(self._connection, self._own(), self._oid(shown))
        else:
            self._shares.pop(shown, None)

    def _read(self, database: str) -> dict[str, list[dict[str, Any]]]:
        parts = [
            sql.SQL("{}, (SELECT coalesce(json_agg(to_jsonb(c)), '[]') FROM {} AS c WHERE {})").format(
                sql.Literal(catalog), sql.Identifier(catalog), sql.SQL(condition)
            )
            for catalog, condition in _SHARES.items()
        ]
        query = sql.SQL("SELECT json_build_object({})").format(sql.SQL(", ").join(parts))
        row = self._connection.execute(query, {"roles": self._own(), "database": self._oid(database)}).fetchone()
        assert row is not None  # noqa: S101 - it aggregates
        found: dict[str, list[dict[str, Any]]] = row[0]
        return found

    def _insert(self, catalog: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            name = sql.Identifier(catalog)
            query = sql.SQL("INSERT INTO {} SELECT * FROM json_populate_recordset(NULL::{}, %s::json)").format(
                name, name
            )
            self._connection.execute(query, (json.dumps(rows),))

    def _own(self) -> list[int]:
        return sorted(self._all() - self.always)

    def _all(self) -> set[int]:
        return {oid for (oid,) in self._connection.execute("SELECT oid::bigint FROM pg_authid").fetchall()}

    def _read_always(self) -> str:
        row = self._connection.execute(_AUTHID, (sorted(self.always),)).fetchone()
        return str(row[0]) if row else ""

    def _oid(self, database: str) -> int:
        query = "SELECT oid::bigint FROM pg_database WHERE datname = %s"
        row = self._connection.execute(query, (database,)).fetchone()
        return int(row[0]) if row else 0


def drop_roles(connection: psycopg.Connection[Any]) -> list[str]:
    """Take all roles that somebody made out of a server, whatever depends on them.

    Returns:
        The databases that something was granted in to one of them.
    """
    query = """
        SELECT DISTINCT datname FROM pg_shdepend AS s JOIN pg_database AS d ON d.oid = s.dbid
        WHERE refclassid = 'pg_authid'::regclass AND refobjid::bigint >= 16384
    """
    found = [str(name) for (name,) in connection.execute(query).fetchall()]
    roles = connection.execute("SELECT oid::bigint FROM pg_authid WHERE oid::bigint >= 16384").fetchall()
    with connection.transaction():
        _delete(connection, [oid for (oid,) in roles], 0)
    return found


def _delete(connection: psycopg.Connection[Any], roles: Sequence[int], database: int) -> None:
    for catalog, condition in reversed(_SHARES.items()):
        query = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(catalog), sql.SQL(condition))
        connection.execute(query, {"roles": roles, "database": database})
