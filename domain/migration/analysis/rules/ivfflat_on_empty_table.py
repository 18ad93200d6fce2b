"""An IVFFlat index is built when there are no vectors.

It takes the centers of its lists from the rows that are there. Built on none, it puts all later rows into lists that
mean nothing, and queries find little of what they should, until a REINDEX. The safe way fills the table first, or uses
HNSW, which needs no training:

    op.create_index("ix_items_embedding", "items", ["embedding"], postgresql_using="hnsw",
                    postgresql_ops={"embedding": "vector_l2_ops"})
"""

import re
from collections.abc import Iterator, Mapping

from domain.migration.analysis.forms import build_index
from domain.migration.analysis.impact import emptied_before
from domain.migration.analysis.judging import added, index_uses, statement_of
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
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
    """Find new IVFFlat indexes whose column had no value when they were built."""
    for name in added(trace, "index"):
        held = attributes(trace.after, "index", name)
        statement = _built(trace, name)
        if held.get("access_method") != "ivfflat" or statement is None:
            continue
        table = str(held["table"])
        if _empty(trace, statistics, table, name, statement):
            definition = _as_hnsw(held)
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement,
                table,
                f"The IVFFlat index {name} is built when {table} has no vectors: its lists mean nothing.",
                "Build it after the rows are there, or use HNSW.",
                build_index(definition) if table in trace.tables else lines(execute(definition)),
            )


def _as_hnsw(index: Mapping[str, Value]) -> str:
    """Write the definition with HNSW, which has no class of operators by default: IVFFlat's is named then."""
    definition = _OPTIONS.sub("", str(index["definition"])).replace("USING ivfflat", "USING hnsw", 1)
    names = index.get("opclass")
    name = str(names[0]) if isinstance(names, tuple) and names else "vector_l2_ops"
    return definition if name in definition else _KEY.sub(rf"\1 {name})\2", definition, count=1)


def _built(trace: RevisionTrace, index: str) -> int | None:
    found = (number for number, statement in enumerate(trace.upgrade) if index in statement.indexes_built)
    return next(found, statement_of(trace, "index", index))


def _empty(trace: RevisionTrace, statistics: Statistics, table: str, index: str, statement: int) -> bool:
    earlier = [one.rows.get(table, RowCounts()) for one in trace.upgrade[:statement]]
    if sum(rows.inserted for rows in earlier):
        return False
    if table not in trace.tables or table in emptied_before(trace, statement):
        return True
    known = statistics.get(table)
    if known is not None and not known.rows:
        return True
    new = [column for column in added(trace, "column") if split(column)[0] == table]
    fresh = any(index_uses(trace, index, column) for column in new)
    return fresh and not sum(rows.updated for rows in earlier)
