"""Documents and their chunks.

Revision: 8a6e05d1c2f4
Revises: 4f1c2a9d7b30
Date: 2026-11-03 10:15:00+00:00

Purpose: texts, and the passages that they are found by.
Phase: expand
Locks: none that anybody waits for: both tables are new.
Downgrade loses data: yes, all documents and chunks.
"""

from collections.abc import Sequence

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "8a6e05d1c2f4"
down_revision: str | Sequence[str] | None = "4f1c2a9d7b30"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Create both tables; the index on the vectors follows in a revision of its own."""
    op.create_table(
        "documents",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="Random UUID"),
        sa.Column("title", sa.String(300), nullable=False, comment="Title shown with results"),
        sa.Column("source", sa.Text(), nullable=False, comment="Where the text came from: a path or an address"),
        sa.Column(
            "metadata",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="Anything else known of the text",
        ),
        sa.Column(
            "tags",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Labels to filter by",
        ),
        sa.Column(
            "content_hash",
            sa.String(64),
            nullable=False,
            comment="SHA-256 of the text, hexadecimal: the same text is taken in once",
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row was made",
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed; kept by a trigger",
        ),
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the row was deleted; null while it is alive",
        ),
        sa.Column(
            "is_deleted",
            sa.Boolean(),
            sa.Computed("deleted_at IS NOT NULL", persisted=True),
            nullable=False,
            comment="Whether deleted_at is set; generated",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("content_hash", name=op.f("uq_documents_content_hash")),
        comment="Texts that were taken in as a whole",
    )
    op.create_index(op.f("idx_documents_tags"), "documents", ["tags"], postgresql_using="gin")
    op.create_index(
        op.f("idx_documents_created_at"), "documents", ["created_at"], postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.execute(
        "CREATE TRIGGER trg_documents_set_updated_at BEFORE UPDATE ON documents "
        "FOR EACH ROW EXECUTE FUNCTION public.set_updated_at()"
    )
    op.create_table(
        "chunks",
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False, comment="Random UUID"),
        sa.Column("document_id", sa.Uuid(), nullable=False, comment="The document; its passages go with it"),
        sa.Column("position", sa.Integer(), nullable=False, comment="Place in the document, from 0"),
        sa.Column("content", sa.Text(), nullable=False, comment="Text of the passage"),
        sa.Column(
            "embedding",
            pgvector.sqlalchemy.Vector(256),
            nullable=False,
            comment="Vector of the text, as the embedding model made it",
        ),
        sa.Column("embedding_model", sa.String(100), nullable=False, comment="Name of the embedding model"),
        sa.CheckConstraint("position >= 0", name=op.f("ck_chunks_position")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_chunks_document_id_documents"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chunks")),
        sa.UniqueConstraint("document_id", "position", name=op.f("uq_chunks_document_id_position")),
        comment="Passages of documents, with the vectors that they are found by",
    )


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("chunks")
    op.drop_table("documents")
