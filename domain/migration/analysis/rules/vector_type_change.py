"""The type or the dimensions of a vector column change in place.

Another type rewrites the table and its indexes under ACCESS EXCLUSIVE, and reads and writes wait. Another number of
dimensions means another embedding model. The old vectors cannot be converted, and `USING NULL` loses all of them. The
safe way is to add a column, to embed again in batches, to build its index concurrently, and to switch the queries over:

    op.add_column("items", sa.Column("embedding_new", Vector(4), nullable=True))
"""

from collections.abc import Iterator
from dataclasses import replace

from domain.migration.analysis.causes import Cause, work_diagnostics
from domain.migration.analysis.changes import through_parents, vector_type_changes
from domain.migration.analysis.impact import BlockedWork
from domain.migration.analysis.migration_strategy import MigrationStrategy
from domain.migration.analysis.rule import Example
from domain.migration.diagnostic import Diagnostic, Severity
from domain.migration.forms.changed_type import ChangedType
from domain.migration.forms.form import together
from domain.migration.snapshot import attributes
from domain.migration.statistics import Statistics
from domain.migration.trace import RevisionTrace

CODE = "vector-type-change"
SEVERITY = Severity.ERROR
STRATEGY = MigrationStrategy.EXPAND_MIGRATE_CONTRACT
BLOCKS = True
_SETUP = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE items (id bigint PRIMARY KEY, embedding vector(3));
INSERT INTO items SELECT n, ARRAY[n, n, n]::vector FROM generate_series(1, 2000) AS n;
"""
BAD = Example(
    _SETUP,
    'op.execute("ALTER TABLE items ALTER COLUMN embedding TYPE halfvec(3)")',
    'op.execute("ALTER TABLE items ALTER COLUMN embedding TYPE vector(3)")',
)
GOOD = Example(
    _SETUP,
    'op.execute("ALTER TABLE items ADD COLUMN embedding_new halfvec(3)")',
    'op.drop_column("items", "embedding_new")',
)


def check(trace: RevisionTrace, statistics: Statistics) -> Iterator[Diagnostic]:
    """Report rewrites that a new type of a vector column causes."""
    advice = "Add a column of the new type, fill it in batches, build its index concurrently, and switch over."
    for diagnostic in work_diagnostics(trace, statistics, Cause.VECTOR_TYPE, CODE, advice, fix=_fix):
        changes = ", ".join(
            f"{name} goes from {attributes(trace.before, 'column', name)['type']} to "
            f"{attributes(trace.after, 'column', name)['type']}"
            for name in vector_type_changes(trace, str(diagnostic.relation))
        )
        yield replace(diagnostic, message=f"{diagnostic.message} The reason: {changes}.")


def _fix(trace: RevisionTrace, item: BlockedWork) -> str | None:
    changed = through_parents(trace.after, item.work.table, vector_type_changes(trace))
    if not changed:
        return None
    forms = (ChangedType.of(trace.before, trace.after, name, converted=False) for name in changed)
    return together(form.announced for form in forms).fix
