"""An IVFFlat index is built on a table without vectors.

IVFFlat computes the centers of its lists from the rows that exist when it is built. Built on no rows, its lists mean
nothing: searches miss most of the rows they should find, until a REINDEX. The safe way is to fill the table first, or
to use HNSW, which needs no training:

    op.create_index("ix_items_embedding", "items", ["embedding"], postgresql_using="hnsw",
                    postgresql_ops={"embedding": "vector_l2_ops"})
"""

import re
from collections.abc import Iterator, Mapping

from domain.migration.analysis.changes import added, index_uses, new_columns, statement_of
from domain.migration.analysis.impact import emptied_before
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.names import split
from domain.migration.op_code import execute, lines
from domain.migration.snapshot import Value, attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace, RowCounts

CODE = "ivfflat-on-empty-table"
SEVERITY = Severity.ERROR
_SETUP = "CREATE EXTENSION IF NOT EXISTS vector;"
_TABLE = 'op.execute("CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3))")\n'
BAD = Example(
    _SETUP,
    _TABLE + 'op.execute("CREATE INDEX ix_items ON items USING ivfflat (embedding vector_l2_ops) WITH (lists = 1)")',
    'op.drop_table("items")',
)
GOOD = Example(
    _SETUP,
    _TABLE + 'op.execute("CREATE INDEX ix_items ON items USING hnsw (embedding vector_l2_ops)")',
    'op.drop_table("items")',
)

_KEY = re.compile(r"(USING hnsw \(.*?)\)( WHERE .*)?$", re.DOTALL)
_OPTIONS = re.compile(r" WITH \([^)]*\)")


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report new IVFFlat indexes whose column had no values at the time of the build."""
    for name in added(trace, "index"):
        entry = attributes(trace.after, "index", name)
        statement = _building_statement(trace, name)
        if entry.get("access_method") != "ivfflat" or statement is None:
            continue
        table = str(entry["table"])
        if _has_no_vectors(trace, statistics, table, name, statement):
            definition = _as_hnsw(entry)
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                table,
                f"The IVFFlat index {name} is built while {table} has no vectors, so searches will miss most rows.",
                "Build the index after the rows are written, or use HNSW.",
                ConcurrentIndex(name, table, definition).expand.code
                if table in trace.tables
                else lines(execute(definition)),
            )


def _as_hnsw(index: Mapping[str, Value]) -> str:
    """Return the definition of an index with HNSW instead of IVFFlat.

    HNSW has no default operator class, so the definition names that of the IVFFlat index.
    """
    definition = _OPTIONS.sub("", str(index["definition"])).replace("USING ivfflat", "USING hnsw", 1)
    operator_classes = index.get("opclass")
    operator_class = (
        str(operator_classes[0]) if isinstance(operator_classes, tuple) and operator_classes else "vector_l2_ops"
    )
    return definition if operator_class in definition else _KEY.sub(rf"\1 {operator_class})\2", definition, count=1)


def _building_statement(trace: RevisionTrace, index: str) -> int | None:
    builds = (number for number, statement in enumerate(trace.upgrade) if index in statement.indexes_built)
    return next(builds, statement_of(trace, "index", index))


def _has_no_vectors(trace: RevisionTrace, statistics: Statistics, table: str, index: str, statement: int) -> bool:
    earlier = [previous.rows.get(table, RowCounts()) for previous in trace.upgrade[:statement]]
    if sum(rows.inserted for rows in earlier):
        return False
    if table not in trace.tables or table in emptied_before(trace, statement):
        return True
    table_statistics = statistics.get(table)
    if table_statistics is not None and not table_statistics.rows:
        return True
    own_new_columns = [column for column in new_columns(trace) if split(column)[0] == table]
    is_new_column = any(index_uses(trace, index, column) for column in own_new_columns)
    return is_new_column and not sum(rows.updated for rows in earlier)
