"""Fill every table of a database with generated rows that its constraints accept.

Postgres generates the rows itself, with one `INSERT … SELECT … FROM generate_series` per table. Each column has an
expression that depends only on the row's number, so the same schema always gets the same rows. Columns with a default
keep it, except in the few rows with values at the edges of types. Values that satisfy a CHECK or a partition bound are
found by trial: the server evaluates the constraint on candidates, which are derived from the column's type and from the
literals in the definition, and the first candidates that pass are used. Foreign keys pick existing rows in turn.
Postgres checks every constraint; only user triggers that refuse the rows are disabled during the insert. Where the role
is a superuser, foreign keys are checked by one query per key instead of one per row, and slow indexes are built after
the rows are inserted.
"""

from adapter.outbound.migration.rows.answers import Answers
from adapter.outbound.migration.rows.matching import Matching, Statement, fill_matching
from adapter.outbound.migration.rows.tables import Filled, FillProblem, fill
from adapter.outbound.migration.rows.unmade import unmade_edges

__all__ = [
    "ROWS_SEED",
    "Answers",
    "FillProblem",
    "Filled",
    "Matching",
    "Statement",
    "fill",
    "fill_matching",
    "unmade_edges",
]

ROWS_SEED = 15  # version of the row generator; results that were measured with another version are no longer valid
