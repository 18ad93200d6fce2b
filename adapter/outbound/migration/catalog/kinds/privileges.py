"""Default privileges."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    # Those of a schema are added to those of all schemas, so they begin with none.
    Kind(
        "default privileges",
        """
        SELECT 'of ' || quote_ident(pg_get_userbyid(d.defaclrole)) || ' on ' || lower(k.type)
               || coalesce(' in schema ' || n.name, '') AS name,
               quote_ident(pg_get_userbyid(d.defaclrole)) AS role,
               k.type AS type,
               n.name AS schema,
               d.defaclacl AS acl,
               CASE WHEN d.defaclnamespace = 0
                    THEN acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)
                    ELSE '{}' END AS initial_acl
          FROM pg_default_acl AS d
          LEFT JOIN namespace AS n ON n.oid = d.defaclnamespace
         CROSS JOIN LATERAL (SELECT CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                                                         WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                                                         WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END) AS k (type)
        """,
    ),
)
