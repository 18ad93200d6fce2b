"""The settings, limits, privileges, owner and comment of a database, which CREATE DATABASE does not copy.

Source: the Postgres manual, CREATE DATABASE, Notes: "database-level configuration parameters (set via ALTER DATABASE)
and database-level permissions (set via GRANT) are not copied from the template database".
"""

from typing import Any

import psycopg
from psycopg import sql

from adapter.outbound.migration.sandbox.template_comments import MARK

_HAS_ANY = f"""
SELECT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting WHERE setdatabase = d.oid),
       d.datacl IS NOT NULL,
       d.datconnlimit <> -1 OR d.datistemplate OR d.datdba <> (SELECT c.datdba FROM pg_catalog.pg_database AS c
                                                                WHERE c.datname = %s)
       OR NOT pg_catalog.starts_with(coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '{MARK}'), '{MARK}')
  FROM pg_catalog.pg_database AS d WHERE d.datname = %s
"""  # noqa: S608 - a constant
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
# A new owner is the last: the privileges of the former one become its own. The comment on a template is the sandbox's.
_COPY_LIMITS = """
DO $do$
DECLARE item record;
BEGIN
    SELECT d.datconnlimit AS connections, d.datistemplate::text AS is_template,
           pg_catalog.pg_get_userbyid(d.datdba) AS owner,
           pg_catalog.shobj_description(d.oid, 'pg_database') AS comment
      INTO item FROM pg_catalog.pg_database AS d WHERE d.datname = {source};
    EXECUTE pg_catalog.format('ALTER DATABASE %I CONNECTION LIMIT %s IS_TEMPLATE %s',
                              {copy}, item.connections, item.is_template);
    IF pg_catalog.starts_with(item.comment, {mark}) IS NOT TRUE THEN
        EXECUTE pg_catalog.format('COMMENT ON DATABASE %I IS %L', {copy}, item.comment);
    END IF;
    EXECUTE pg_catalog.format('ALTER DATABASE %I OWNER TO %I', {copy}, item.owner);
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN NULL;
END $do$
"""


def copy_settings(connection: psycopg.Connection[Any], source: str, copy: str) -> None:
    """Copy the settings, limits, privileges, owner and comment of one database to another.

    Args:
        connection: An autocommit session of the owner of both.
        source: Name of the database that has them.
        copy: Name of the database that gets them.

    Raises:
        psycopg.Error: The server refuses.
    """
    row = connection.execute(_HAS_ANY.encode(), (copy, source)).fetchone() or ()
    names = {"source": sql.Literal(source), "copy": sql.Literal(copy), "mark": sql.Literal(MARK)}
    for exists, statement in zip(row, (_COPY_SETTINGS, _COPY_PRIVILEGES, _COPY_LIMITS), strict=False):
        if exists:
            connection.execute(sql.SQL(statement).format(**names))
