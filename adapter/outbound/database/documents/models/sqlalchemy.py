"""Tables of the documents context."""

import uuid
from typing import Any

from pgvector.sqlalchemy import Vector
from sqlalchemy import DDL, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, event, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from adapter.outbound.database.base import Base
from adapter.outbound.database.mixins import SoftDelete, Timestamps, UUIDKey

EMBEDDING_DIMENSIONS = 256

event.listen(Base.metadata, "before_create", DDL("CREATE EXTENSION IF NOT EXISTS vector"))


class Document(UUIDKey, Timestamps, SoftDelete, Base):
    """A text that was ingested as a whole."""

    __tablename__ = "documents"
    __table_args__ = (
        Index(None, "tags", postgresql_using="gin"),
        Index(None, "created_at", postgresql_where=text("deleted_at IS NULL")),
        {"comment": "Texts that were taken in as a whole"},
    )

    title: Mapped[str] = mapped_column(String(300), comment="Title shown with results")
    source: Mapped[str] = mapped_column(comment="Where the text came from: a path or an address")
    # The declarative base reserves the attribute `metadata`.
    details: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb"), comment="Anything else known of the text"
    )
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{}'"), comment="Labels to filter by")
    content_hash: Mapped[str] = mapped_column(
        String(64), unique=True, comment="SHA-256 of the text, hexadecimal: the same text is taken in once"
    )


class Chunk(UUIDKey, Base):
    """A passage of a document, with the vector by which the search finds it."""

    __tablename__ = "chunks"
    __table_args__ = (
        CheckConstraint("position >= 0", name="position"),
        # The constraint begins with document_id, so that the foreign key needs no separate index.
        UniqueConstraint("document_id", "position"),
        Index(
            None,
            "embedding",
            postgresql_using="hnsw",
            postgresql_ops={"embedding": "vector_cosine_ops"},
            postgresql_with={"m": 16, "ef_construction": 64},
        ),
        {"comment": "Passages of documents, with the vectors that they are found by"},
    )

    document_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("documents.id", ondelete="CASCADE"), comment="The document; its passages go with it"
    )
    position: Mapped[int] = mapped_column(comment="Place in the document, from 0")
    content: Mapped[str] = mapped_column(comment="Text of the passage")
    embedding: Mapped[list[float]] = mapped_column(
        Vector(EMBEDDING_DIMENSIONS), comment="Vector of the text, as the embedding model made it"
    )
    embedding_model: Mapped[str] = mapped_column(String(100), comment="Name of the embedding model")
