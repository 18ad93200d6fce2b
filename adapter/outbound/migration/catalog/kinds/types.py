"""Types and collations."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    # Row types of tables, array types and multiranges belong to another object and are not listed.
    Kind(
        "type",
        """
        SELECT n.name || '.' || quote_ident(t.typname) AS name,
               CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite'
                              WHEN 'r' THEN 'range' WHEN 'p' THEN 'shell' ELSE 'base' END AS kind,
               ARRAY(SELECT e.enumlabel FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS values,
               CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END AS base_type,
               t.typnotnull AS not_null,
               CASE WHEN t.typtype = 'd' THEN pg_get_expr(t.typdefaultbin, 0) END AS default,
               CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation::text END AS collation,
               format_type(g.rngsubtype, NULL) AS subtype,
               (SELECT o.opcname FROM pg_opclass AS o WHERE o.oid = g.rngsubopc) AS opclass,
               CASE WHEN g.rngcollation <> 0 THEN g.rngcollation::regcollation::text END AS subtype_collation,
               CASE WHEN g.rngcanonical <> 0 THEN g.rngcanonical::regprocedure::text END AS canonical,
               CASE WHEN g.rngsubdiff <> 0 THEN g.rngsubdiff::regprocedure::text END AS subtype_difference,
               CASE WHEN g.rngmultitypid <> 0 THEN format_type(g.rngmultitypid, NULL) END AS multirange,
               CASE WHEN t.typtype = 'b' THEN
                   concat_ws(' ', t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout,
                             t.typanalyze, t.typlen, t.typbyval, t.typcategory, t.typispreferred, t.typdelim,
                             t.typalign, t.typstorage, t.typdefault) END AS base,
               pg_get_userbyid(t.typowner) AS owner,
               coalesce(t.typacl, acldefault('T', t.typowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_type'::regclass AND objoid = t.oid AND objsubid = 0) AS comment
          FROM pg_type AS t
          JOIN namespace AS n ON n.oid = t.typnamespace
          LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
          LEFT JOIN pg_range AS g ON g.rngtypid = t.oid
         WHERE t.typtype <> 'm'
           AND t.typcategory <> 'A'
           AND (t.typrelid = 0 OR t.typrelid IN (SELECT oid FROM relation WHERE relkind = 'c'))
           AND (t.tableoid, t.oid) NOT IN (TABLE member)
        """,
    ),
    # The ICU locale is stored under three different names in the supported versions, Postgres 14 and newer.
    Kind(
        "collation",
        """
        SELECT n.name || '.' || quote_ident(c.collname) AS name,
               CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END AS provider,
               c.collisdeterministic AS deterministic,
               c.collcollate AS "collate",
               c.collctype AS ctype,
               coalesce(to_jsonb(c) -> 'colllocale', to_jsonb(c) -> 'colliculocale') AS locale,
               to_jsonb(c) -> 'collicurules' AS rules,
               pg_get_userbyid(c.collowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_collation'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_collation AS c
          JOIN namespace AS n ON n.oid = c.collnamespace
         WHERE (c.tableoid, c.oid) NOT IN (TABLE member)
        """,
    ),
)
