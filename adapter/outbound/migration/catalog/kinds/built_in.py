"""What can be changed about objects that Postgres or an extension has made: privileges, comments, and dependencies.

Postgres keeps the privileges that it and extensions have given, so each object with others is an entry. It does not
keep comments, so all of them are one entry: thousands of objects have one.

Source: the Postgres manual, chapter "System Catalogs": pg_init_privs, pg_description, pg_depend, pg_seclabel.
"""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    # The information schema is made after Postgres has noted the initial privileges.
    Kind(
        "privileges",
        """
        SELECT 'on ' || d.type || ' ' || d.identity AS name,
               d.type AS type,
               d.identity AS identity,
               o.acl AS acl,
               o.initial AS initial_acl
          FROM (SELECT g.classid, g.objid, g.objsubid, g.acl, coalesce(i.initprivs, g.usual) AS initial
                  FROM (SELECT p.tableoid AS classid, p.oid AS objid, 0 AS objsubid, p.proacl AS acl,
                               acldefault('f', p.proowner) AS usual
                          FROM pg_proc AS p
                         WHERE p.proacl IS NOT NULL
                           AND (p.oid < 16384 OR (p.tableoid, p.oid) IN (TABLE member))
                         UNION ALL
                        SELECT c.tableoid, c.oid, 0, c.relacl,
                               acldefault((CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", c.relowner)
                               || CASE WHEN c.relnamespace = 'information_schema'::regnamespace
                                       THEN makeaclitem(0, c.relowner, 'SELECT', false) END
                          FROM pg_class AS c
                         WHERE c.relacl IS NOT NULL
                           AND (c.oid < 16384 OR (c.tableoid, c.oid) IN (TABLE member))
                         UNION ALL
                        SELECT 'pg_class'::regclass, a.attrelid, a.attnum, a.attacl, '{}'
                          FROM pg_attribute AS a
                         WHERE a.attacl IS NOT NULL
                           AND (a.attrelid < 16384 OR ('pg_class'::regclass::oid, a.attrelid) IN (TABLE member))
                         UNION ALL
                        SELECT t.tableoid, t.oid, 0, t.typacl, acldefault('T', t.typowner)
                          FROM pg_type AS t
                         WHERE t.typacl IS NOT NULL
                           AND (t.oid < 16384 OR (t.tableoid, t.oid) IN (TABLE member))
                         UNION ALL
                        SELECT l.tableoid, l.oid, 0, l.lanacl, acldefault('l', l.lanowner)
                          FROM pg_language AS l
                         WHERE l.lanacl IS NOT NULL
                           AND (l.oid < 16384 OR (l.tableoid, l.oid) IN (TABLE member))
                         UNION ALL
                        SELECT n.tableoid, n.oid, 0, n.nspacl,
                               acldefault('n', n.nspowner)
                               || CASE WHEN n.nspname = 'information_schema'
                                       THEN makeaclitem(0, n.nspowner, 'USAGE', false) END
                          FROM pg_namespace AS n
                         WHERE n.nspacl IS NOT NULL
                           AND (n.oid < 16384 AND n.oid NOT IN (SELECT oid FROM namespace)
                                OR (n.tableoid, n.oid) IN (TABLE member))
                         UNION ALL
                        SELECT w.tableoid, w.oid, 0, w.fdwacl, acldefault('F', w.fdwowner)
                          FROM pg_foreign_data_wrapper AS w
                         WHERE w.fdwacl IS NOT NULL AND (w.tableoid, w.oid) IN (TABLE member)
                         UNION ALL
                        SELECT s.tableoid, s.oid, 0, s.srvacl, acldefault('S', s.srvowner)
                          FROM pg_foreign_server AS s
                         WHERE s.srvacl IS NOT NULL AND (s.tableoid, s.oid) IN (TABLE member)
                       ) AS g
                  LEFT JOIN pg_init_privs AS i
                    ON i.classoid = g.classid AND i.objoid = g.objid AND i.objsubid = g.objsubid
               ) AS o
         CROSS JOIN LATERAL pg_identify_object(o.classid, o.objid, o.objsubid) AS d
         WHERE NOT (o.acl @> o.initial AND o.acl <@ o.initial)
        """,
    ),
    # Comments of extensions and of their members change with the extension, and belong to it.
    Kind(
        "built-in comments",
        """
        SELECT 'of Postgres' AS name,
               sum(hashtextextended(c.description, c.objoid::bigint * 10000 + c.objsubid))::text AS digest
          FROM pg_description AS c
         WHERE c.objoid < 16384
           AND c.classoid <> 'pg_extension'::regclass
           AND (c.classoid, c.objoid) NOT IN (TABLE member)
           AND NOT (c.classoid = 'pg_namespace'::regclass AND c.objoid IN (SELECT oid FROM namespace))
        """,
    ),
    Kind(
        "extension dependency",
        """
        SELECT o.type || ' ' || o.identity || ' on '
               || (SELECT quote_ident(e.extname) FROM pg_extension AS e WHERE e.oid = d.refobjid) AS name
          FROM pg_depend AS d
         CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
         WHERE d.deptype = 'x'
        """,
    ),
    Kind(
        "security label",
        """
        SELECT o.type || ' ' || o.identity || ' by ' || quote_ident(s.provider) AS name,
               s.label AS label
          FROM pg_seclabel AS s
         CROSS JOIN LATERAL pg_identify_object(s.classoid, s.objoid, s.objsubid) AS o
        """,
    ),
)
