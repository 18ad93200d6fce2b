"""Fill every table of a database with made-up rows that its constraints accept.

The rows are made by Postgres itself: one `INSERT … SELECT … FROM generate_series` a table, with an expression a column
that depends on the row's number only, so that the same schema always gets the same rows. Columns with a default are
left to it. What a CHECK or a partition bound asks for is found by trying: values made for the type and from the
literals of the definition are put through the expression on the server, and the first that pass are taken. Foreign keys
pick existing rows in turn. Nothing is bypassed: every constraint is checked by Postgres; only user
triggers that refuse the rows are switched off meanwhile. Where the role is a superuser, foreign keys are checked by one
query a key instead of one a row, and slow indexes are built after the rows.
"""

from adapter.outbound.migration.rows.matching import Statement, fill_matching
from adapter.outbound.migration.rows.tables import Filled, FillProblem, fill
from adapter.outbound.migration.rows.unmade import unmade_edges

__all__ = ["ROWS_SEED", "FillProblem", "Filled", "Statement", "fill", "fill_matching", "unmade_edges"]

ROWS_SEED = 4  # of the way in which rows are made: what was made in another way does not count any more
