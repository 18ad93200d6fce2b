"""Languages, transforms, conversions and access methods.

Source: the Postgres manual, chapter "System Catalogs": pg_language, pg_transform, pg_conversion, pg_am.
"""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "language",
        """
        SELECT quote_ident(l.lanname) AS name,
               l.lanpltrusted AS trusted,
               CASE WHEN l.lanplcallfoid <> 0 THEN l.lanplcallfoid::regprocedure::text END AS handler,
               CASE WHEN l.laninline <> 0 THEN l.laninline::regprocedure::text END AS inline,
               CASE WHEN l.lanvalidator <> 0 THEN l.lanvalidator::regprocedure::text END AS validator,
               pg_get_userbyid(l.lanowner) AS owner,
               CASE WHEN l.lanpltrusted THEN coalesce(l.lanacl, acldefault('l', l.lanowner)) END AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_language'::regclass AND objoid = l.oid AND objsubid = 0) AS comment
          FROM pg_language AS l
         WHERE l.oid >= 16384 AND (l.tableoid, l.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "transform",
        """
        SELECT 'for ' || format_type(t.trftype, NULL) || ' language '
               || (SELECT quote_ident(l.lanname) FROM pg_language AS l WHERE l.oid = t.trflang) AS name,
               CASE WHEN t.trffromsql <> 0 THEN t.trffromsql::oid::regprocedure::text END AS from_sql,
               CASE WHEN t.trftosql <> 0 THEN t.trftosql::oid::regprocedure::text END AS to_sql,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_transform'::regclass AND objoid = t.oid AND objsubid = 0) AS comment
          FROM pg_transform AS t
         WHERE (t.tableoid, t.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "conversion",
        """
        SELECT n.name || '.' || quote_ident(c.conname) AS name,
               pg_encoding_to_char(c.conforencoding) AS source,
               pg_encoding_to_char(c.contoencoding) AS target,
               c.conproc::oid::regprocedure::text AS function,
               c.condefault AS "default",
               pg_get_userbyid(c.conowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_conversion'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_conversion AS c
          JOIN namespace AS n ON n.oid = c.connamespace
         WHERE (c.tableoid, c.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "access method",
        """
        SELECT quote_ident(a.amname) AS name,
               CASE a.amtype WHEN 't' THEN 'table' ELSE 'index' END AS type,
               a.amhandler::oid::regprocedure::text AS handler,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_am'::regclass AND objoid = a.oid AND objsubid = 0) AS comment
          FROM pg_am AS a
         WHERE a.oid >= 16384 AND (a.tableoid, a.oid) NOT IN (TABLE member)
        """,
    ),
)
