"""An HNSW index does not fit into `maintenance_work_mem` while it is built.

Postgres builds the graph of the index in this memory. When it is full, each further vector is inserted into pages on
disk, which is much slower. With 8,000 vectors of 64 dimensions the build took 4.3 times as long, with 12,000 of 384
dimensions 3.4 times as long. The safe way is to give enough memory to the session that builds the index, and to leave
the server room for the rest:

    with op.get_context().autocommit_block():
        op.execute("SET maintenance_work_mem = '2GB'")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_items")
        op.execute("CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops)")
        op.execute("RESET maintenance_work_mem")

With the statistics of a target, this is a warning where the rows of the table do not fit. Without statistics, it is a
note that says how many rows fit.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from domain.migration.analysis.changes import vector_dimensions
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.index_definition import after_using
from domain.migration.names import split
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "index-build-exceeds-memory"
SEVERITY = Severity.WARNING
_SETUP = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3));
INSERT INTO items SELECT n, ARRAY[n, n, n]::vector FROM generate_series(1, 2000) AS n;
"""
_BUILD = 'op.execute("CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops)")'
_DOWN = 'op.drop_index("ix_items", "items")'
BAD = Example(_SETUP, f"with op.get_context().autocommit_block():\n    {_BUILD}", _DOWN)
GOOD = Example(
    _SETUP,
    f"""
with op.get_context().autocommit_block():
    op.execute("SET maintenance_work_mem = '1GB'")
    {_BUILD}
    op.execute("RESET maintenance_work_mem")
""",
    _DOWN,
)
_DEFAULT = 64 * 1024**2  # bytes, the default of Postgres
_UNITS = {"": 1024, "B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_NEIGHBOR = 16  # bytes in the graph for each of the 2 m neighbors of the lowest layer
_SET = re.compile(r"\bSET\s+(?:\w+\s+)?maintenance_work_mem\s*(?:=|\bTO\b)\s*'?(\d+)\s*([a-z]*)", re.IGNORECASE)
_M = re.compile(r"\bm\s*=\s*'?(\d+)")
_BYTES = {"vector": 4, "halfvec": 2, "sparsevec": 8}


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Compare the size of each HNSW index on an existing table with the memory of its build."""
    target = statistics.target
    memory = target.maintenance_work_mem if target is not None else None
    is_set = False
    for number, statement in enumerate(trace.upgrade):
        match = _SET.search(statement.sql)
        if match:
            memory, is_set = int(match.group(1)) * _UNITS.get(match.group(2).upper(), 1024), True
        for index in statement.indexes_built:
            table = str(attributes(trace.after, "index", index).get("table", ""))
            size = _bytes_per_row(trace, index)
            if size is None or table not in trace.tables:
                continue
            fitting = (memory or _DEFAULT) // size
            table_statistics = statistics.get(table)
            if table_statistics is None and not is_set:
                capacity = f"holds about {fitting:,} rows"
                yield _diagnostic(trace, number, table, index, Severity.NOTE, capacity, size, None)
            elif table_statistics is not None and table_statistics.rows > fitting:
                capacity = f"holds about {fitting:,} of its {table_statistics.rows:,} rows"
                yield _diagnostic(trace, number, table, index, SEVERITY, capacity, size, table_statistics.rows * size)


def _diagnostic(
    trace: RevisionTrace,
    number: int,
    table: str,
    index: str,
    severity: Severity,
    capacity: str,
    size: int,
    needed: int | None,
) -> Diagnostic:
    setting = f"{-(-needed // 1024**2)}MB" if needed else "1GB"
    return Diagnostic(
        CODE,
        severity,
        number,
        table,
        f"While {index} is built, its graph takes about {size:,} bytes for each row of {table}. maintenance_work_mem "
        f"{capacity}, and each further row takes several times as long.",
        "Raise maintenance_work_mem for the build, if the server has enough memory.",
        _fix(trace, number, index, setting),
    )


def _fix(trace: RevisionTrace, number: int, index: str, memory: str) -> str:
    """Return operations that set the memory for the session of the build, with a RESET afterwards.

    An index of a table in use is built concurrently, as the transaction of another build would hold up writes.
    """
    settings = (f"maintenance_work_mem = '{memory}'",)
    if index not in names_of(trace.before, "index"):
        return replace(ConcurrentIndex.of(trace.after, index), settings=settings).expand.fix
    if trace.upgrade[number].transaction is not None:
        return replace(OwnTransactions.reindex(index, trace.before), settings=settings).expand.fix
    return OwnTransactions((trace.upgrade[number].sql,), settings).expand.fix


def _bytes_per_row(trace: RevisionTrace, index: str) -> int | None:
    """Return the estimated bytes of one row in the graph: its vector and its neighbors.

    None stands for an index of another kind, and for a column without dimensions.
    """
    entry = attributes(trace.after, "index", index)
    if entry.get("access_method") != "hnsw":
        return None
    definition, table = str(entry["definition"]), str(entry["table"])
    keys = after_using(definition)
    cast = re.search(r"(vector|halfvec|sparsevec)\((\d+)\)", keys)
    kind = (cast.group(1), int(cast.group(2))) if cast else None
    for column in names_of(trace.after, "column"):
        if kind is None and split(column)[0] == table and re.search(rf"\({re.escape(split(column)[1])} ", keys):
            dimensions = vector_dimensions(attributes(trace.after, "column", column)["type"])
            kind = (dimensions[0], dimensions[1]) if dimensions and dimensions[1] else None
    if kind is None:
        return None
    m = _M.search(definition.partition(" WITH ")[2])
    return _BYTES[kind[0]] * kind[1] + 8 + 2 * (int(m.group(1)) if m else 16) * _NEIGHBOR
