"""Views and rules."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "view",
        """
        SELECT r.name,
               CASE r.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind,
               pg_get_viewdef(r.oid) AS definition,
               coalesce(r.reloptions, '{}') AS options,
               r.relispopulated AS populated,
               (SELECT amname FROM pg_am WHERE oid = r.relam) AS access_method,
               (SELECT spcname FROM pg_tablespace WHERE oid = r.reltablespace) AS tablespace,
               pg_get_userbyid(r.relowner) AS owner,
               coalesce(r.relacl, acldefault('r', r.relowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
         WHERE r.relkind IN ('v', 'm')
        """,
    ),
    # The rule _RETURN is the view's definition.
    Kind(
        "rule",
        """
        SELECT r.name || '.' || quote_ident(w.rulename) AS name,
               pg_get_ruledef(w.oid) AS definition,
               CASE w.ev_enabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'disabled'
                                 WHEN 'R' THEN 'replica' ELSE 'always' END AS enabled,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_rewrite'::regclass AND objoid = w.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_rewrite AS w ON w.ev_class = r.oid
         WHERE w.rulename <> '_RETURN'
        """,
    ),
)
