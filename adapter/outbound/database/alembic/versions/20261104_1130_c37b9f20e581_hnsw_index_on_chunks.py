"""HNSW index on the vectors of chunks.

Revision: c37b9f20e581
Revises: 8a6e05d1c2f4
Date: 2026-11-04 11:30:00+00:00

Purpose: search by cosine distance without reading the whole table.
Phase: expand
Locks: SHARE UPDATE EXCLUSIVE on chunks; reads and writes go on. Waits for older transactions of the database.
Downgrade loses data: no.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "c37b9f20e581"
down_revision: str | Sequence[str] | None = "8a6e05d1c2f4"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


INDEX = "idx_chunks_embedding"


def upgrade() -> None:
    """Build the index while the table is read and written."""
    with op.get_context().autocommit_block():
        _drop_if_invalid()
        # What is left now under this name is valid: an interrupted upgrade finished it and was not stamped.
        op.create_index(
            INDEX,
            "chunks",
            ["embedding"],
            postgresql_using="hnsw",
            postgresql_ops={"embedding": "vector_cosine_ops"},
            postgresql_with={"m": 16, "ef_construction": 64},
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    """Drop the index while the table is read and written."""
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, table_name="chunks", postgresql_concurrently=True, if_exists=True)


def _drop_if_invalid() -> None:
    # A build that was interrupted leaves an invalid index, which IF NOT EXISTS would keep for ever.
    if op.get_context().as_sql:
        return
    invalid = sa.text("SELECT NOT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass(:name)")
    if op.get_bind().scalar(invalid, {"name": INDEX}):
        op.drop_index(INDEX, table_name="chunks", postgresql_concurrently=True, if_exists=True)
