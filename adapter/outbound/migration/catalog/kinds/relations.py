"""Tables, their columns and constraints."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "table",
        """
        SELECT r.name,
               CASE r.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' ELSE 'foreign table' END AS kind,
               CASE r.relpersistence WHEN 'u' THEN 'unlogged' ELSE 'permanent' END AS persistence,
               (SELECT amname FROM pg_am WHERE oid = r.relam) AS access_method,
               coalesce(r.reloptions, f.ftoptions) AS options,
               (SELECT t.reloptions FROM pg_class AS t WHERE t.oid = r.reltoastrelid) AS toast_options,
               (SELECT spcname FROM pg_tablespace WHERE oid = r.reltablespace) AS tablespace,
               pg_get_partkeydef(r.oid) AS partition_key,
               pg_get_expr(r.relpartbound, r.oid) AS partition_bound,
               (SELECT array_agg(inhparent::regclass::text || CASE WHEN inhdetachpending THEN ' (detaching)' ELSE '' END
                                 ORDER BY inhseqno)
                  FROM pg_inherits WHERE inhrelid = r.oid) AS parents,
               CASE WHEN r.reloftype <> 0 THEN format_type(r.reloftype, NULL) END AS of_type,
               nullif(r.relrowsecurity, false) AS row_security,
               nullif(r.relforcerowsecurity, false) AS force_row_security,
               CASE r.relreplident WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' WHEN 'i' THEN 'index' END
                   AS replica_identity,
               (SELECT srvname FROM pg_foreign_server WHERE oid = f.ftserver) AS foreign_server,
               pg_get_userbyid(r.relowner) AS owner,
               coalesce(r.relacl, acldefault('r', r.relowner)) AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
          LEFT JOIN pg_foreign_table AS f ON f.ftrelid = r.oid
         WHERE r.relkind IN ('r', 'p', 'f')
        """,
        defaults={
            "options": (),
            "toast_options": (),
            "parents": (),
            "row_security": False,
            "force_row_security": False,
            "replica_identity": "default",
        },
    ),
    # Attributes of composite types are columns, too. The position skips dropped columns. The default statistics target
    # is -1 up to Postgres 16, and NULL since then.
    Kind(
        "column",
        """
        SELECT r.name || '.' || quote_ident(a.attname) AS name,
               format_type(a.atttypid, a.atttypmod) AS type,
               row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS position,
               a.attnotnull AS not_null,
               CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END AS default,
               CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END AS identity,
               CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END AS generated,
               CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END AS expression,
               CASE a.attstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'
                                 WHEN 'm' THEN 'main' ELSE 'extended' END AS storage,
               CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
               nullif(a.attstattarget, -1) AS statistics,
               CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation,
               a.attoptions || a.attfdwoptions AS options,
               nullif(a.attislocal, true) AS local,
               nullif(a.attinhcount > 0, false) AS inherited,
               a.attacl AS acl,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = a.attnum) AS comment
          FROM relation AS r
          JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
          JOIN pg_type AS t ON t.oid = a.atttypid
          LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c')
        """,
        defaults={"options": (), "local": True, "inherited": False, "acl": ()},
    ),
    # Constraints of tables and domains. Constraint triggers are read as triggers. Internal triggers enforce a foreign
    # key, and `DISABLE TRIGGER ALL` disables them, so their states are an attribute of the foreign key.
    Kind(
        "constraint",
        """
        SELECT coalesce(r.name, n.name || '.' || quote_ident(t.typname)) || '.' || quote_ident(c.conname) AS name,
               CASE c.contype WHEN 'c' THEN 'check' WHEN 'f' THEN 'foreign key' WHEN 'p' THEN 'primary key'
                              WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclude' WHEN 'n' THEN 'not null' END AS type,
               pg_get_constraintdef(c.oid) AS definition,
               nullif(c.convalidated, true) AS validated,
               nullif(c.conenforced, true) AS enforced,
               nullif(c.condeferrable, false) AS deferrable,
               nullif(c.condeferred, false) AS deferred,
               nullif(c.conislocal, true) AS local,
               nullif(c.coninhcount > 0, false) AS inherited,
               CASE WHEN c.contype = 'f' AND c.oid IN (
                   SELECT g.tgconstraint FROM pg_trigger AS g WHERE g.tgisinternal AND g.tgenabled <> 'O'
               ) THEN (SELECT array_agg(DISTINCT CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'replica'
                                                                  WHEN 'A' THEN 'always' ELSE 'origin' END)
                         FROM pg_trigger AS g WHERE g.tgconstraint = c.oid) END AS triggers,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_constraint'::regclass AND objoid = c.oid AND objsubid = 0) AS comment
          FROM pg_constraint AS c
          LEFT JOIN relation AS r ON r.oid = c.conrelid
          LEFT JOIN pg_type AS t ON t.oid = c.contypid AND (t.tableoid, t.oid) NOT IN (TABLE member)
          LEFT JOIN namespace AS n ON n.oid = t.typnamespace
          LEFT JOIN pg_constraint AS parent ON parent.oid = c.conparentid
         WHERE (r.oid IS NOT NULL OR n.oid IS NOT NULL)
           AND c.contype <> 't'
           AND (c.contype <> 'n' OR NOT c.convalidated OR c.connoinherit OR EXISTS (
               SELECT FROM pg_description WHERE classoid = 'pg_constraint'::regclass AND objoid = c.oid))
           AND parent.conrelid IS DISTINCT FROM c.conrelid
        """,
        newer=(("nullif(c.conenforced, true)", 180_000),),
        defaults={
            "validated": True,
            "enforced": True,
            "deferrable": False,
            "deferred": False,
            "local": True,
            "inherited": False,
        },
    ),
)
