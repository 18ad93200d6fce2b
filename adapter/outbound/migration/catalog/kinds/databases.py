"""Settings and privileges of the database itself, whose name is in neither, and settings of roles in all databases.

Source: the Postgres manual, chapter "System Catalogs": pg_db_role_setting, pg_database.
"""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
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
    Kind(
        "role setting",
        """
        SELECT quote_ident(split_part(c.setting, '=', 1)) || coalesce(' of ' || quote_ident(o.rolname), '') AS name,
               substr(c.setting, strpos(c.setting, '=') + 1) AS value
          FROM pg_db_role_setting AS s
         CROSS JOIN unnest(s.setconfig) AS c (setting)
          LEFT JOIN pg_roles AS o ON o.oid = s.setrole
         WHERE s.setdatabase = 0
        """,
    ),
    Kind(
        "database privileges",
        """
        SELECT 'other than the default' AS name, d.datacl AS acl
          FROM pg_database AS d
         WHERE d.datname = current_database()
           AND NOT (d.datacl @> acldefault('d', d.datdba) AND d.datacl <@ acldefault('d', d.datdba))
        """,
    ),
)
