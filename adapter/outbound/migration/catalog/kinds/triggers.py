"""Triggers, event triggers and policies."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "trigger",
        """
        SELECT r.name || '.' || quote_ident(t.tgname) AS name,
               pg_get_triggerdef(t.oid) AS definition,
               CASE t.tgenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled'
                                WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
               t.tgparentid <> 0 AS inherited,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_trigger'::regclass AND objoid = t.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_trigger AS t ON t.tgrelid = r.oid
         WHERE NOT t.tgisinternal
        """,
    ),
    Kind(
        "policy",
        """
        SELECT r.name || '.' || quote_ident(p.polname) AS name,
               CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
                             WHEN 'd' THEN 'delete' ELSE 'all' END AS command,
               p.polpermissive AS permissive,
               ARRAY(SELECT CASE WHEN k.role = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(k.role)) END
                       FROM unnest(p.polroles) AS k (role)) AS roles,
               pg_get_expr(p.polqual, p.polrelid) AS using,
               pg_get_expr(p.polwithcheck, p.polrelid) AS "check",
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_policy'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_policy AS p ON p.polrelid = r.oid
        """,
    ),
    Kind(
        "event trigger",
        """
        SELECT quote_ident(e.evtname) AS name,
               e.evtevent AS event,
               coalesce(e.evttags, '{}') AS tags,
               e.evtfoid::regprocedure::text AS function,
               CASE e.evtenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled'
                                 WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
               pg_get_userbyid(e.evtowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_event_trigger'::regclass AND objoid = e.oid AND objsubid = 0) AS comment
          FROM pg_event_trigger AS e
         WHERE (e.tableoid, e.oid) NOT IN (TABLE member)
        """,
    ),
)
