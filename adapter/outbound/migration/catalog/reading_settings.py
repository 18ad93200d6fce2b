"""Settings of a transaction in which definitions and values read alike, whatever the session has set."""

from typing import LiteralString

# The text of a definition depends on these settings; the first one makes every name in it qualified. JIT is off because
# the planner would compile such a large statement, which takes longer than running it.
READING_SETTINGS: LiteralString = """
SELECT set_config('search_path', 'pg_catalog, pg_temp', true),
       set_config('transaction_read_only', 'on', true),
       set_config('quote_all_identifiers', 'off', true),
       set_config('datestyle', 'ISO, YMD', true),
       set_config('intervalstyle', 'postgres', true),
       set_config('timezone', 'UTC', true),
       set_config('bytea_output', 'hex', true),
       set_config('extra_float_digits', '1', true),
       set_config('lc_monetary', 'C', true),
       set_config('jit', 'off', true)
"""
