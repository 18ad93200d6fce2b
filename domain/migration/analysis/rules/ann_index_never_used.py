"""An ANN index holds nothing that a search by distance could find.

It has no entries for NULL, so one over `WHERE embedding IS NULL` is empty for ever, as is one over a condition that is
never true. Writes maintain it, no query uses it. The safe way leaves the condition out, or names rows with vectors:

    with op.get_context().autocommit_block():
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_items ON items USING hnsw (embedding vector_l2_ops) WHERE model = 'small'"
        )
"""

import re
from collections.abc import Iterator

from domain.migration.analysis.forms import built_index, dropped_index
from domain.migration.analysis.judging import added, statement_of
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.op_code import revised
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
    """Find new ANN indexes whose condition excludes every vector."""
    for name in added(trace, "index"):
        held = attributes(trace.after, "index", name)
        predicate = held.get("predicate")
        if held.get("access_method") not in {"hnsw", "ivfflat"} or predicate is None:
            continue
        definition = str(held["definition"])
        if _excludes_all(str(predicate), definition):
            yield Diagnostic(
                CODE,
                SEVERITY,
                statement_of(trace, "index", name),
                str(held["table"]),
                f"The index {name} of {held['table']} never holds a vector (WHERE {predicate}): no query can use it.",
                "Leave the condition out, or let it name rows that have vectors.",
                revised(
                    built_index(trace.after, name, definition.partition(" WHERE ")[0]), dropped_index(trace.after, name)
                ),
            )


def _excludes_all(predicate: str, definition: str) -> bool:
    """Tell conditions that are false, or want the vector to be NULL, alone or beside others that must hold, too."""
    keys = _KEYS.search(definition)
    key = keys.group(1).strip("()") if keys else ""
    parts = re.split(r"\bAND\b", predicate) if not re.search(r"\bOR\b", predicate) else [predicate]
    return any(part.strip(" ()") in {"false", f"{key} IS NULL"} for part in parts)
