"""Indexes and extended statistics."""

from adapter.outbound.migration.catalog.kind import Kind

KINDS = (
    Kind(
        "index",
        """
        SELECT r.name,
               t.name AS "table",
               pg_get_indexdef(r.oid) AS definition,
               (SELECT amname FROM pg_am WHERE oid = r.relam) AS access_method,
               k.opclass,
               k.options AS opclass_options,
               k.statistics,
               r.reloptions AS options,
               pg_get_expr(i.indpred, i.indrelid) AS predicate,
               nullif(i.indisunique, false) AS "unique",
               nullif(i.indnullsnotdistinct, false) AS nulls_not_distinct,
               nullif(i.indisvalid, true) AS valid,
               nullif(i.indisready, true) AS ready,
               nullif(i.indisclustered, false) AS clustered,
               nullif(i.indisreplident, false) AS replica_identity,
               quote_ident(c.conname) AS constraint,
               (SELECT h.inhparent::regclass::text FROM pg_inherits AS h WHERE h.inhrelid = r.oid) AS parent,
               (SELECT spcname FROM pg_tablespace WHERE oid = r.reltablespace) AS tablespace,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_class'::regclass AND objoid = r.oid AND objsubid = 0) AS comment
          FROM relation AS r
          JOIN pg_index AS i ON i.indexrelid = r.oid
          JOIN relation AS t ON t.oid = i.indrelid
          JOIN index_column AS k ON k.indexrelid = r.oid
          LEFT JOIN pg_constraint AS c
            ON c.conindid = r.oid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u', 'x')
        """,
        newer=(("nullif(i.indnullsnotdistinct, false)", 150_000),),
        defaults={
            "options": (),
            "opclass_options": (),
            "statistics": (),
            "unique": False,
            "nulls_not_distinct": False,
            "valid": True,
            "ready": True,
            "clustered": False,
            "replica_identity": False,
        },
    ),
    Kind(
        "statistics",
        """
        SELECT n.name || '.' || quote_ident(s.stxname) AS name,
               r.name AS "table",
               pg_get_statisticsobjdef(s.oid) AS definition,
               nullif(s.stxstattarget, -1) AS target,
               pg_get_userbyid(s.stxowner) AS owner,
               (SELECT description FROM pg_description
                 WHERE classoid = 'pg_statistic_ext'::regclass AND objoid = s.oid AND objsubid = 0) AS comment
          FROM pg_statistic_ext AS s
          JOIN namespace AS n ON n.oid = s.stxnamespace
          JOIN relation AS r ON r.oid = s.stxrelid
        """,
    ),
)
