"""An HNSW index is built with a version of pgvector that has known defects.

Before 0.8.2, a parallel HNSW build could write beyond its buffer. Before 0.8.3, VACUUM could damage an HNSW index.
Before 0.8.4, VACUUM could stop with "hnsw graph not repaired". Before 0.8.1, pgvector does not support Postgres 18. The
safe way is to install a newer version first. Rebuild HNSW indexes that have seen many inserts and a VACUUM under the
old version:

    op.execute("ALTER EXTENSION vector UPDATE")

The version is read from the statistics of the target. Without these, the version of the sandbox counts.
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
# Old versions of pgvector can no longer be installed, so the example changes the version in the catalog.
_OLD = "UPDATE pg_extension SET extversion = '0.8.1' WHERE extname = 'vector';"
BAD = Example(_SETUP + _OLD, _BUILD, _DOWN)
GOOD = Example(_SETUP, _BUILD, _DOWN)
_DEFECTS = (
    ((0, 8, 2), "a parallel HNSW build can write beyond its buffer"),
    ((0, 8, 3), "VACUUM can damage an HNSW index"),
    ((0, 8, 4), "VACUUM of an HNSW index can fail with 'hnsw graph not repaired'"),
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report HNSW builds under an old pgvector."""
    version = _version(trace, statistics)
    numbers = tuple(map(int, re.findall(r"\d+", version or "")))[:3]
    defects = [
        f"{defect} (before {'.'.join(map(str, fixed_in))})"
        for fixed_in, defect in _DEFECTS
        if numbers and numbers < fixed_in
    ]
    built = {name for statement in trace.upgrade for name in statement.indexes_built}
    hnsw_indexes = sorted(
        name
        for name in names_of(trace.after, "index") & built
        if attributes(trace.after, "index", name).get("access_method") == "hnsw"
    )
    if defects and hnsw_indexes:
        position = next(
            number for number, statement in enumerate(trace.upgrade) if hnsw_indexes[0] in statement.indexes_built
        )
        verb = "is" if len(hnsw_indexes) == 1 else "are"
        yield Diagnostic(
            CODE,
            SEVERITY,
            position,
            str(attributes(trace.after, "index", hnsw_indexes[0])["table"]),
            f"{', '.join(hnsw_indexes)} {verb} built with pgvector {version}, which has known defects: "
            f"{'; '.join(defects)}.",
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
    version = attributes(trace.after, "extension", "vector").get("version")
    return str(version) if version else None
