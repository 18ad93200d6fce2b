"""A vector column loses its dimensions, but an ANN index over it keeps them.

A change from `vector(64)` to `vector` is a change of the catalog only. The index still accepts 64 dimensions and
nothing else, so the first INSERT of another embedding model fails. Worse, the index cannot be built again: REINDEX
fails, and so does the restore of a dump. The safe way is one column for each model, or to build the index over
`(embedding::vector(64))` first.
"""

from collections.abc import Iterator

from domain.migration.analysis.changes import index_uses, kept, statement_of, vector_dimensions
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.names import split
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "undeclared-dimension-under-index"
SEVERITY = Severity.ERROR
_TABLE = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3));
INSERT INTO items SELECT n, ARRAY[n, n, n]::vector FROM generate_series(1, 2000) AS n;
"""
_INDEX = "CREATE INDEX ix_items ON items USING hnsw (embedding vector_l2_ops);"
_UP = 'op.execute("ALTER TABLE items ALTER COLUMN embedding TYPE vector")'
_DOWN = 'op.execute("ALTER TABLE items ALTER COLUMN embedding TYPE vector(3)")'
BAD = Example(_TABLE + _INDEX, _UP, _DOWN)
GOOD = Example(_TABLE, _UP, _DOWN)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report columns without dimensions under indexes that require them."""
    for column in kept(trace, "column"):
        before = vector_dimensions(attributes(trace.before, "column", column)["type"])
        after = vector_dimensions(attributes(trace.after, "column", column)["type"])
        if before is None or after is None or before[1] is None or after[1] is not None:
            continue
        table = split(column)[0]
        for index in kept(trace, "index"):
            entry = attributes(trace.after, "index", index)
            ann = entry.get("access_method") in {"hnsw", "ivfflat"}
            if ann and entry["table"] == table and index_uses(trace, index, column):
                yield Diagnostic(
                    CODE,
                    SEVERITY,
                    statement_of(trace, "column", column),
                    table,
                    f"{column} loses its dimensions, but its index {index} still accepts only {before[1]}: an INSERT "
                    "of any other number fails, and so do REINDEX and the restore of a dump.",
                    "Keep the dimensions, and give each embedding model a column of its own.",
                )
