"""Foreign data wrappers, servers and user mappings."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "foreign data wrapper",
        """
        SELECT quote_ident(w.fdwname) AS name,
               CASE WHEN w.fdwhandler <> 0 THEN w.fdwhandler::regprocedure::text END AS handler,
               CASE WHEN w.fdwvalidator <> 0 THEN w.fdwvalidator::regprocedure::text END AS validator,
               coalesce(w.fdwoptions, '{}') AS options,
               pg_get_userbyid(w.fdwowner) AS owner,
               coalesce(w.fdwacl, acldefault('F', w.fdwowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_foreign_data_wrapper'::regclass AND objoid = w.oid AND objsubid = 0) AS comment
          FROM pg_foreign_data_wrapper AS w
         WHERE (w.tableoid, w.oid) NOT IN (TABLE member)
        """,
    ),
    Kind(
        "foreign server",
        """
        SELECT quote_ident(s.srvname) AS name,
               (SELECT quote_ident(w.fdwname) FROM pg_foreign_data_wrapper AS w WHERE w.oid = s.srvfdw) AS wrapper,
               s.srvtype AS type,
               s.srvversion AS version,
               coalesce(s.srvoptions, '{}') AS options,
               pg_get_userbyid(s.srvowner) AS owner,
               coalesce(s.srvacl, acldefault('S', s.srvowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_foreign_server'::regclass AND objoid = s.oid AND objsubid = 0) AS comment
          FROM pg_foreign_server AS s
         WHERE (s.tableoid, s.oid) NOT IN (TABLE member)
        """,
    ),
    # Read from a view that every role may read; without the options, which may hold passwords.
    Kind(
        "user mapping",
        """
        SELECT quote_ident(u.srvname) || ' for '
               || CASE WHEN u.umuser = 0 THEN 'public' ELSE quote_ident(u.usename) END AS name
          FROM pg_user_mappings AS u
        """,
    ),
)
