"""Schemas and extensions."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "schema",
        """
        SELECT n.name,
               pg_get_userbyid(s.nspowner) AS owner,
               coalesce(s.nspacl, acldefault('n', s.nspowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_namespace'::regclass AND objoid = s.oid AND objsubid = 0) AS comment
          FROM namespace AS n
          JOIN pg_namespace AS s ON s.oid = n.oid
         WHERE (s.tableoid, s.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "extension",
        """
        SELECT quote_ident(e.extname) AS name,
               e.extversion AS version,
               e.extnamespace::regnamespace::text AS schema
          FROM pg_extension AS e
        """,
    ),
)
