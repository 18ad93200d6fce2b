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
    # What can be changed about the members of an extension is read as digests: there can be thousands.
    Kind(
        "extension",
        """
        SELECT quote_ident(e.extname) AS name,
               e.extversion AS version,
               e.extnamespace::regnamespace::text AS schema,
               pg_get_userbyid(e.extowner) AS of_role,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_extension'::regclass AND objoid = e.oid AND objsubid = 0) AS comment,
               (SELECT sum(hashtextextended(c.description, c.objsubid))::text
                  FROM pg_depend AS d
                  JOIN pg_description AS c ON c.classoid = d.classid AND c.objoid = d.objid
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e') AS comments,
               (SELECT sum(hashtextextended(concat_ws(' ', p.proname, p.prosrc, p.probin, p.proconfig, p.prosecdef,
                           p.proleakproof, p.proisstrict, p.provolatile, p.proparallel, p.procost, p.prorows,
                           pg_get_userbyid(p.proowner)), 0))::text
                  FROM pg_depend AS d
                  JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e') AS functions,
               (SELECT sum(hashtextextended(concat_ws(' ', c.relname, c.relpersistence, c.reloptions, c.relrowsecurity,
                           c.relforcerowsecurity, pg_get_userbyid(c.relowner),
                           (SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),
                                                        a.attnotnull), ', ' ORDER BY a.attnum)
                              FROM pg_attribute AS a
                             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
                           (SELECT sum(hashtextextended(pg_get_indexdef(i.indexrelid), 0))
                              FROM pg_index AS i WHERE i.indrelid = c.oid),
                           (SELECT sum(hashtextextended(pg_get_constraintdef(k.oid), 0))
                              FROM pg_constraint AS k WHERE k.conrelid = c.oid),
                           (SELECT sum(hashtextextended(concat(pg_get_triggerdef(t.oid), t.tgenabled), 0))
                              FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
                           (SELECT sum(hashtextextended(concat_ws(' ', o.polname, o.polcmd, o.polpermissive,
                                       pg_get_expr(o.polqual, c.oid), pg_get_expr(o.polwithcheck, c.oid)), 0))
                              FROM pg_policy AS o WHERE o.polrelid = c.oid)
                       ), 0))::text
                  FROM pg_depend AS d
                  JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
                   AND c.relkind <> 'S') AS relations
          FROM pg_extension AS e
        """,
    ),
)
