"""The settings and privileges of a database, which CREATE DATABASE does not copy.

Source: the Postgres manual, CREATE DATABASE, Notes: "database-level configuration parameters (set via ALTER DATABASE)
and database-level permissions (set via GRANT) are not copied from the template database".
"""

from typing import Any

import psycopg
from psycopg import sql

_HAS_ANY = """
SELECT d.datacl IS NOT NULL, EXISTS (SELECT FROM pg_catalog.pg_db_role_setting WHERE setdatabase = d.oid)
  FROM pg_catalog.pg_database AS d WHERE d.datname = %s
"""
# `FROM CURRENT` takes lists such as search_path as they are. In one statement, a statement_timeout among the settings
# has no effect here. What the server refuses within a session, such as log_connections, is not carried over.
_COPY_SETTINGS = """
DO $do$
DECLARE item record;
BEGIN
    FOR item IN
        SELECT pg_catalog.split_part(c, '=', 1) AS name, pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1) AS value,
               r.rolname AS role
          FROM pg_catalog.pg_database AS d
          JOIN pg_catalog.pg_db_role_setting AS s ON s.setdatabase = d.oid
         CROSS JOIN pg_catalog.unnest(s.setconfig) AS c
          LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
         WHERE d.datname = {source}
    LOOP
        BEGIN
            PERFORM pg_catalog.set_config(item.name, item.value, true);
            EXECUTE pg_catalog.format(
                'ALTER ' || CASE WHEN item.role IS NULL THEN '' ELSE 'ROLE %1$I IN ' END || 'DATABASE %2$I SET %3$s'
                || ' FROM CURRENT', item.role, {copy}, item.name);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $do$
"""
# A grantee may be gone from the server: the roles of a database are only there while it is used.
_COPY_PRIVILEGES = """
DO $do$
DECLARE item record;
BEGIN
    EXECUTE pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC, CURRENT_USER', {copy});
    FOR item IN
        SELECT a.privilege_type, a.is_grantable,
               CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::pg_catalog.regrole::text END AS grantee
          FROM pg_catalog.pg_database AS d
         CROSS JOIN pg_catalog.aclexplode(d.datacl) AS a
         WHERE d.datname = {source}
           AND (a.grantee = 0 OR EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = a.grantee))
    LOOP
        EXECUTE pg_catalog.format('GRANT %s ON DATABASE %I TO %s', item.privilege_type, {copy}, item.grantee)
                || CASE WHEN item.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
    END LOOP;
END $do$
"""


def copy_settings(connection: psycopg.Connection[Any], source: str, copy: str) -> None:
    """Give one database the settings and privileges of another.

    Args:
        connection: An autocommit session of the owner of both.
        source: Name of the database that has them.
        copy: Name of the database that gets them.

    Raises:
        psycopg.Error: The server refuses.
    """
    row = connection.execute(_HAS_ANY, (source,)).fetchone()
    has_privileges, has_settings = row or (False, False)
    names = {"source": sql.Literal(source), "copy": sql.Literal(copy)}
    for exists, statement in ((has_settings, _COPY_SETTINGS), (has_privileges, _COPY_PRIVILEGES)):
        if exists:
            connection.execute(sql.SQL(statement).format(**names))
