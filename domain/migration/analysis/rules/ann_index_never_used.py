"""The condition of a new ANN index excludes every vector.

An ANN index has no entries for NULL, so an index over `WHERE embedding IS NULL` stays empty. So does an index whose
condition is never true. Writes still pay for the index, and no search by distance can use it. The safe way is to leave
the condition out, or to select rows that have vectors:

    with op.get_context().autocommit_block():
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops) WHERE model = 'small'"
        )
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.changes import added, statement_of
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.concurrent_index import ConcurrentIndex
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "ann-index-never-used"
SEVERITY = Severity.ERROR
_SETUP = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigint PRIMARY KEY, model text, embedding vector(3));
INSERT INTO items SELECT n, 'small', ARRAY[n, n, n]::vector FROM generate_series(1, 2000) AS n;
"""


def _build(condition: str) -> str:
    return f"""
with op.get_context().autocommit_block():
    op.execute(
        "CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops) WHERE {condition}"
    )
"""


_DOWN = 'op.drop_index("ix_items", "items")'
BAD = Example(_SETUP, _build("embedding IS NULL"), _DOWN)
GOOD = Example(_SETUP, _build("model = 'small'"), _DOWN)
_KEYS = re.compile(r"USING (?:hnsw|ivfflat) \((.*?) [\w.\"]+_ops\b")


def check(trace: RevisionTrace, _statistics: Statistics) -> Iterator[Diagnostic]:
    """Report new ANN indexes whose condition excludes every vector."""
    for name in added(trace, "index"):
        index = attributes(trace.after, "index", name)
        predicate = index.get("predicate")
        if index.get("access_method") not in {"hnsw", "ivfflat"} or predicate is None:
            continue
        definition = str(index["definition"])
        if _excludes_all(str(predicate), definition):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "index", name),
                str(index["table"]),
                f"The condition of the index {name} of {index['table']} excludes every vector (WHERE {predicate}), so "
                "no search can use the index.",
                "Leave the condition out, or write one that rows with vectors meet.",
                ConcurrentIndex.of(trace.after, name, definition.partition(" WHERE ")[0]).expand.fix,
            )


def _excludes_all(predicate: str, definition: str) -> bool:
    """Return whether a condition is never true, or requires the vector to be NULL.

    Conditions that are joined by AND are looked at one by one; a condition with an OR is taken as a whole.
    """
    match = _KEYS.search(definition)
    key = match.group(1).strip("()") if match else ""
    terms = re.split(r"\bAND\b", predicate) if not re.search(r"\bOR\b", predicate) else [predicate]
    return any(term.strip(" ()") in {"false", f"{key} IS NULL"} for term in terms)
