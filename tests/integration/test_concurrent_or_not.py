"""What works without blocking anybody is told by the locks that Postgres reports, whatever the text says."""

import pytest

from tests.conftest import Server
from tests.history import History
from tests.use_cases import analyzed

pytestmark = pytest.mark.one_major

_TABLES = (
    'op.execute("CREATE TABLE t (id bigserial PRIMARY KEY, n int, kind text, name text, zip text)")\n'
    'op.execute("CREATE INDEX ix_name ON t (name)")\n'
    'op.execute("CREATE TABLE parts (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)")\n'
    'op.execute("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (MINVALUE) TO (MAXVALUE)")'
)
_BLOCKING = {
    "type": "ALTER TABLE t ALTER n TYPE bigint /* cannot be done CONCURRENTLY */",
    "vacuum_full": "VACUUM FULL t /* there is no CONCURRENTLY for this */",
    "index": "CREATE INDEX ix_kind ON t (kind) -- CONCURRENTLY is for later",
    "reindex": "REINDEX INDEX ix_name -- CONCURRENTLY leaves _ccnew behind",
    "block": "DO $$ BEGIN /* CREATE INDEX CONCURRENTLY cannot run here */ CREATE INDEX ix_zip ON t (zip); END $$",
    "unique": "-- no CONCURRENTLY: small table\nALTER TABLE t ADD CONSTRAINT uq_kind UNIQUE (kind, id)",
    "cluster": "CLUSTER t USING t_pkey /* pg_repack would do it CONCURRENTLY */",
    "reindex_partitions": "REINDEX TABLE parts /* not CONCURRENTLY */",
}
_CONCURRENT = {
    "index": "/* on a table in use */ CREATE INDEX CONCURRENTLY ix_kind ON t (kind)",
    "reindex": "REINDEX INDEX CONCURRENTLY ix_name",
    "reindex_partitions": "REINDEX TABLE CONCURRENTLY parts",
    "drop": "DROP INDEX CONCURRENTLY ix_name",
    "vacuum": "VACUUM t",
}


def _errors(server: Server, history: History, statements: dict[str, str]) -> dict[str, list[str]]:
    """Return the codes of the errors of each statement, in an autocommit block of a revision of its own."""
    history.add("tables", None, _TABLES)
    parent = "tables"
    for name, sql in statements.items():
        history.add(name, parent, f"with op.get_context().autocommit_block():\n    op.execute({sql!r})")
        parent = name
    report = analyzed(server, history.plain_ini(), "tables:head", rows=300)
    return {
        analysis.trace.revision: [
            diagnostic.code
            for diagnostic in analysis.diagnostics
            if diagnostic.severity.value == "error" and "downgrade" not in diagnostic.code
        ]
        for analysis in report.revisions
    }


@pytest.mark.long
def test_a_word_in_a_comment_changes_nothing(server: Server, history: History) -> None:
    """Every statement that blocks a table is unsafe, though its text speaks of CONCURRENTLY."""
    errors = _errors(server, history, _BLOCKING)

    assert [name for name, codes in errors.items() if not codes] == []
    assert set(errors) == set(_BLOCKING)


@pytest.mark.long
def test_what_is_concurrent_blocks_nobody(server: Server, history: History) -> None:
    """Concurrent builds and drops, and VACUUM, are no errors."""
    assert _errors(server, history, _CONCURRENT) == {name: [] for name in _CONCURRENT}
