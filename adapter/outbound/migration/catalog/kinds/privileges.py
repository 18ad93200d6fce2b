"""Default privileges."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "default privileges",
        """
        SELECT 'of ' || quote_ident(pg_get_userbyid(d.defaclrole))
               || CASE d.defaclobjtype WHEN 'r' THEN ' on tables' WHEN 'S' THEN ' on sequences'
                                       WHEN 'f' THEN ' on functions' WHEN 'T' THEN ' on types'
                                       WHEN 'n' THEN ' on schemas' ELSE ' on large objects' END
               || coalesce(' in schema ' || n.name, '') AS name,
               d.defaclacl AS acl
          FROM pg_default_acl AS d
          LEFT JOIN namespace AS n ON n.oid = d.defaclnamespace
        """,
    ),
)
