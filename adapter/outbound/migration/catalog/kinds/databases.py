"""The database itself, whose name is not part of it, its settings, and settings of roles in all databases.

Where the files of the database are is not read, nor the versions of its collations.

Source: the Postgres manual, chapter "System Catalogs": pg_database, pg_db_role_setting.
"""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "database",
        """
        SELECT 'itself' AS name,
               nullif(d.datconnlimit, -1) AS connection_limit,
               d.datallowconn AS allows_connections,
               d.datistemplate AS is_template,
               pg_get_userbyid(d.datdba) AS owner,
               coalesce(d.datacl, acldefault('d', d.datdba)) AS acl,
               (SELECT description FROM pg_shdescription
                 WHERE classoid = 'pg_database'::regclass AND objoid = d.oid) AS comment
          FROM pg_database AS d
         WHERE d.datname = current_database()
        """,
    ),
    Kind(
        "database setting",
        """
        SELECT quote_ident(split_part(c.setting, '=', 1)) || coalesce(' of ' || quote_ident(o.rolname), '') AS name,
               substr(c.setting, strpos(c.setting, '=') + 1) AS value
          FROM pg_database AS d
          JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid
         CROSS JOIN unnest(s.setconfig) AS c (setting)
          LEFT JOIN pg_roles AS o ON o.oid = s.setrole
         WHERE d.datname = current_database()
        """,
    ),
    # A session that may not change roles is on a server that others use, whose settings are not the revision's.
    Kind(
        "role setting",
        """
        SELECT quote_ident(split_part(c.setting, '=', 1)) || coalesce(' of ' || quote_ident(o.rolname), '') AS name,
               substr(c.setting, strpos(c.setting, '=') + 1) AS value
          FROM pg_db_role_setting AS s
         CROSS JOIN unnest(s.setconfig) AS c (setting)
          LEFT JOIN pg_roles AS o ON o.oid = s.setrole
         WHERE s.setdatabase = 0 AND (o.rolname = current_user OR (SELECT may_change_roles FROM session))
        """,
    ),
)
