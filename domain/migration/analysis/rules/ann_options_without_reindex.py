"""The build options of an ANN index change, but the index is not rebuilt.

Postgres accepts ALTER INDEX … SET (m = …), but the new value has no effect until the index is built again. Searches
stay as fast and as exact as before. The safe way is to change the option and to rebuild the index concurrently:

    op.execute("ALTER INDEX ix_items SET (m = 24)")
    with op.get_context().autocommit_block():
        op.execute("REINDEX INDEX CONCURRENTLY ix_items")
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.changes import kept, statement_of
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.own_transactions import OwnTransactions
from domain.migration.names import escaped
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "ann-options-without-reindex"
SEVERITY = Severity.WARNING
_SETUP = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3));
INSERT INTO items SELECT n, ARRAY[n, n, n]::vector FROM generate_series(1, 2000) AS n;
CREATE INDEX ix_items ON items USING hnsw (embedding vector_l2_ops);
"""
BAD = Example(
    _SETUP,
    'op.execute("ALTER INDEX ix_items SET (m = 24)")',
    'op.execute("ALTER INDEX ix_items RESET (m)")',
)
GOOD = Example(
    _SETUP,
    """
op.execute("ALTER INDEX ix_items SET (m = 24)")
with op.get_context().autocommit_block():
    op.execute("REINDEX INDEX CONCURRENTLY ix_items")
""",
    """
op.execute("ALTER INDEX ix_items RESET (m)")
with op.get_context().autocommit_block():
    op.execute("REINDEX INDEX CONCURRENTLY ix_items")
""",
)


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report ANN indexes whose options changed and that were not rebuilt."""
    for name in kept(trace, "index"):
        before, after = attributes(trace.before, "index", name), attributes(trace.after, "index", name)
        ann = after.get("access_method") in {"hnsw", "ivfflat"}
        if ann and before.get("options") != after.get("options") and not _rebuilt(trace, name):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "index", name),
                str(after["table"]),
                f"The options of the index {name} change, but they have no effect until the index is built again.",
                "Rebuild the index concurrently.",
                OwnTransactions.reindex(name, trace.before).expand.fix,
            )


def _rebuilt(trace: RevisionTrace, index: str) -> bool:
    """Return whether the upgrade rebuilds an index.

    A concurrent rebuild makes another index that takes over the name, so the text of the statements counts, too.
    """
    table = str(attributes(trace.after, "index", index)["table"])
    names = "|".join(map(escaped, (index, table)))
    reindex = re.compile(rf"\s*REINDEX\b.*(?<!\w)({names})(?!\w)", re.IGNORECASE | re.DOTALL)
    return any(
        index in (*statement.rewritten, *statement.indexes_built) or reindex.match(statement.sql)
        for statement in trace.upgrade
    )
