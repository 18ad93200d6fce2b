"""An ANN index cannot take the dimensions of its column.

HNSW and IVFFlat index up to 2,000 dimensions of `vector`, 4,000 of `halfvec` and 64,000 of `bit`. They refuse a column
that has no dimensions. The upgrade fails at the CREATE INDEX. The safe way is to index an expression that fits, and to
use the same expression in the queries:

    op.execute("CREATE INDEX ix_items ON items USING hnsw ((embedding::halfvec(3072)) halfvec_l2_ops)")
"""

from collections.abc import Iterator

from domain.migration.analysis.failures import Failure, failures
from domain.migration.analysis.rule import Example
from domain.migration.analysis.wording import label
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "ann-index-too-many-dimensions"
SEVERITY = Severity.ERROR
_SETUP = "CREATE EXTENSION IF NOT EXISTS vector;"
_TABLE = 'op.execute("CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3072))")\n'
BAD = Example(
    _SETUP,
    _TABLE + 'op.execute("CREATE INDEX ix_items ON items USING hnsw (embedding vector_l2_ops)")',
    'op.drop_table("items")',
)
GOOD = Example(
    _SETUP,
    _TABLE + 'op.execute("CREATE INDEX ix_items ON items USING hnsw ((embedding::halfvec(3072)) halfvec_l2_ops)")',
    'op.drop_table("items")',
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report index builds that pgvector refused."""
    for index, statement in failures(trace, Failure.DIMENSIONS):
        yield Diagnostic(
            CODE,
            SEVERITY,
            index,
            next((table for table in statement.locks if table in trace.tables), None),
            f"{label(trace, index)} fails: {statement.error}.",
            "Index an expression that casts the column to a type that allows so many dimensions (halfvec: 4,000; bit: "
            "64,000), or to a fixed number of dimensions.",
        )
