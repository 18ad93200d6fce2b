"""The database has a version of pgvector with a known defect in what the revision uses.

Before 0.8.2 a parallel HNSW build could write beyond its buffer; before 0.8.3 VACUUM could damage an HNSW index, before
0.8.4 it could stop with "hnsw graph not repaired"; before 0.8.1 there is no support of Postgres 18. The safe way is to
install a newer one first, and to build HNSW indexes again that saw many inserts and a VACUUM with the old one:

    op.execute("ALTER EXTENSION vector UPDATE")

The version is that of the target where its statistics say it, else that of the sandbox.
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import execute, lines, revised
from domain.migration.snapshot import attributes, names_of
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "extension-with-known-defects"
SEVERITY = Severity.WARNING
_SETUP = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3));
INSERT INTO items SELECT n, ARRAY[n, n, n]::vector FROM generate_series(1, 2000) AS n;
"""
_BUILD = """
with op.get_context().autocommit_block():
    op.execute("CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops)")
"""
_DOWN = 'op.drop_index("ix_items", "items")'
# Old versions cannot be installed any more: the catalog says that this is one.
_OLD = "UPDATE pg_extension SET extversion = '0.8.1' WHERE extname = 'vector';"
BAD = Example(_SETUP + _OLD, _BUILD, _DOWN)
GOOD = Example(_SETUP, _BUILD, _DOWN)
_DEFECTS = (
    ((0, 8, 2), "a parallel HNSW build can write beyond its buffer"),
    ((0, 8, 3), "VACUUM can damage an HNSW index"),
    ((0, 8, 4), "VACUUM of an HNSW index can fail with 'hnsw graph not repaired'"),
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Find HNSW builds under an old pgvector."""
    version = _version(trace, statistics)
    numbers = tuple(map(int, re.findall(r"\d+", version or "")))[:3]
    known = [
        f"{said} (before {'.'.join(map(str, mended))})" for mended, said in _DEFECTS if numbers and numbers < mended
    ]
    built = {name for statement in trace.upgrade for name in statement.indexes_built}
    hnsw = sorted(
        name
        for name in names_of(trace.after, "index") & built
        if attributes(trace.after, "index", name).get("access_method") == "hnsw"
    )
    if known and hnsw:
        statement = next(number for number, one in enumerate(trace.upgrade) if hnsw[0] in one.indexes_built)
        yield Diagnostic(
            CODE,
            SEVERITY,
            statement,
            str(attributes(trace.after, "index", hnsw[0])["table"]),
            f"{', '.join(hnsw)} is built with pgvector {version}: {'; '.join(known)}.",
            "Install pgvector 0.8.4 or newer first, and update the extension in an earlier revision.",
            revised(
                lines("# In an earlier revision of its own:", execute("ALTER EXTENSION vector UPDATE")),
                'raise NotImplementedError("an extension does not go back to an older version")',
            ),
        )


def _version(trace: RevisionTrace, statistics: Statistics) -> str | None:
    target = statistics.target.extensions.get("vector") if statistics.target is not None else None
    if target is not None and target.installed:
        return target.installed
    held = attributes(trace.after, "extension", "vector").get("version")
    return str(held) if held else None
