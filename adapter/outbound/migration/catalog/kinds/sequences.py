"""Sequences."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    # A sequence that a column owns is included only if the table of that column is.
    Kind(
        "sequence",
        """
        SELECT r.name,
               format_type(s.seqtypid, NULL) AS type,
               s.seqstart AS start,
               s.seqincrement AS increment,
               s.seqmin AS minimum,
               s.seqmax AS maximum,
               s.seqcache AS cache,
               s.seqcycle AS cycle,
               t.name || '.' || (SELECT quote_ident(a.attname) FROM pg_attribute AS a
                                  WHERE a.attrelid = d.refobjid AND a.attnum = d.refobjsubid) AS owned_by,
               d.deptype IS NOT DISTINCT FROM 'i' AS of_identity,
               CASE r.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END AS persistence,
               pg_get_userbyid(r.relowner) AS owner,
               coalesce(r.relacl, acldefault('s', r.relowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_sequence AS s ON s.seqrelid = r.oid
          LEFT JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
                                  AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
          LEFT JOIN relation AS t ON t.oid = d.refobjid
         WHERE d.objid IS NULL OR t.oid IS NOT NULL
        """,
    ),
)
