"""An ANN index is built before the vectors are written.

Each vector that is written later must be inserted into the index one by one, which makes the backfill slow. On 10,000
vectors, writing them first and building the index afterwards took a quarter of the time. The safe way is to fill the
column in batches, and to build the index when the vectors are there:

    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_items")
        op.execute("CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops)")
"""

from collections.abc import Iterator

from domain.migration.analysis.changes import added
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, RowCounts

CODE = "ann-index-before-backfill"
SEVERITY = Severity.WARNING
_SETUP = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3));
INSERT INTO items SELECT n FROM generate_series(1, 2000) AS n;
"""
_BUILD = """
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops)")
"""
_FILL = """
with op.get_context().autocommit_block():
    while op.get_bind().execute(sa.text(
        "UPDATE items SET embedding = ARRAY[id, id, id]::real[]::vector"
        " WHERE id IN (SELECT id FROM items WHERE embedding IS NULL LIMIT 500)"
    )).rowcount:
        pass
"""
_DOWN = 'op.drop_index("ix_items", "items")'
BAD = Example(_SETUP, _BUILD + _FILL, _DOWN)
GOOD = Example(_SETUP, _FILL + _BUILD, _DOWN)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report ANN indexes on tables most of whose rows are written after the build."""
    for name in added(trace, "index"):
        index = attributes(trace.after, "index", name)
        table = str(index["table"])
        built = next(
            (number for number, statement in enumerate(trace.upgrade) if name in statement.indexes_built), None
        )
        if index.get("access_method") not in {"hnsw", "ivfflat"} or built is None or table not in trace.tables:
            continue
        later = [statement.rows.get(table, RowCounts()) for statement in trace.upgrade[built + 1 :]]
        written = sum(rows.inserted + rows.updated for rows in later)
        if written and written >= trace.tables[table].rows / 2:
            yield Diagnostic(
                CODE,
                SEVERITY,
                built,
                table,
                f"The index {name} is built before {written} rows of {table} are written, so each of them must be "
                "inserted into the index one by one, which is slow.",
                "Write the rows first, and build the index in a later revision.",
                ConcurrentIndex.of(trace.after, name).expand.fix,
            )
