"""A condition in SQL that says which schemas are the user's, and the schema that is not."""

from typing import Final, LiteralString

# The schema of the journal of deployments, and the table that shows that it is that and no schema of the user's.
JOURNAL_SCHEMA: Final[LiteralString] = "hexalembic"
JOURNAL_MARK: Final[LiteralString] = "journal_bootstrap"

# For queries that call pg_namespace `n`. No user schema begins with pg_ (manual, CREATE SCHEMA).
IN_USER_SCHEMA: Final[LiteralString] = f"""(n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND (n.nspname <> '{JOURNAL_SCHEMA}' OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_class AS mark
         WHERE mark.relnamespace = n.oid AND mark.relname = '{JOURNAL_MARK}')))"""
