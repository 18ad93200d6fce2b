"""Publications, and the tables and schemas that they publish."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    # Generated columns can be published since Postgres 18.
    Kind(
        "publication",
        """
        SELECT quote_ident(p.pubname) AS name,
               p.puballtables AS all_tables,
               p.pubinsert AS inserts,
               p.pubupdate AS updates,
               p.pubdelete AS deletes,
               p.pubtruncate AS truncates,
               p.pubviaroot AS via_partition_root,
               p.pubgencols AS generated_columns,
               pg_get_userbyid(p.pubowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_publication'::regclass AND objoid = p.oid AND objsubid = 0) AS comment
          FROM pg_publication AS p
        """,
        newer=(("p.pubgencols", 180_000),),
    ),
    Kind(
        "publication table",
        """
        SELECT quote_ident(p.pubname) || '.' || r.name AS name,
               NULL AS columns,
               NULL AS row_filter
          FROM pg_publication_rel AS t
          JOIN pg_publication AS p ON p.oid = t.prpubid
          JOIN relation AS r ON r.oid = t.prrelid
        """,
        until=150_000,
    ),
    Kind(
        "publication table",
        """
        SELECT quote_ident(p.pubname) || '.' || r.name AS name,
               (SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute AS a
                 WHERE a.attrelid = t.prrelid AND a.attnum = ANY (t.prattrs)) AS columns,
               pg_get_expr(t.prqual, t.prrelid) AS row_filter
          FROM pg_publication_rel AS t
          JOIN pg_publication AS p ON p.oid = t.prpubid
          JOIN relation AS r ON r.oid = t.prrelid
        """,
        since=150_000,
    ),
    Kind(
        "publication schema",
        """
        SELECT quote_ident(p.pubname) || '.' || n.name AS name
          FROM pg_publication_namespace AS s
          JOIN pg_publication AS p ON p.oid = s.pnpubid
          JOIN namespace AS n ON n.oid = s.pnnspid
        """,
        since=150_000,
    ),
)
