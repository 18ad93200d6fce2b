"""Queries for the state of a database: pgvector, and indexes that no query uses."""

EXTENSION = """
SELECT installed_version, default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector'
"""
INSTALLED = "SELECT extversion, NULL FROM pg_catalog.pg_extension WHERE extname = 'vector'"
INVALID_INDEXES = """
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname NOT LIKE 'pg\\_toast%'
   -- A build that still runs is not invalid yet.
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid)
 ORDER BY 1
"""
