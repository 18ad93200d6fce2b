"""A condition in SQL that says which schemas are the user's."""

from typing import Final, LiteralString

# For queries that call pg_namespace `n`. No user schema begins with pg_ (manual, CREATE SCHEMA).
IN_USER_SCHEMA: Final[LiteralString] = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
