"""Conversion between rows and entities of the documents context."""

import struct
import sys
import uuid
from array import array
from collections.abc import Sequence

from adapter.outbound.database.documents.models import sqlalchemy as rows
from application.documents.ports import EmbeddedDocument
from domain.documents.document import Document

CHUNK_COLUMNS = ("id", "document_id", "position", "content", "embedding", "embedding_model")
# PostgreSQL manual, COPY, "Binary Format": a header, tuples of length-prefixed fields in network byte order, a trailer.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
COPY_TRAILER = struct.pack("!h", -1)


def to_document(row: rows.Document, passages: Sequence[str]) -> Document:
    """Return the entity of a document from its row and the texts of its chunks in order."""
    return Document(
        id=row.id,
        title=row.title,
        source=row.source,
        content_hash=row.content_hash,
        passages=tuple(passages),
        tags=tuple(row.tags),
        details=row.details,
        deleted_at=row.deleted_at,
    )


def to_document_values(document: Document) -> dict[str, object]:
    """Return the values of a document's row by attribute."""
    return {
        "id": document.id,
        "title": document.title,
        "source": document.source,
        "details": dict(document.details),
        "tags": list(document.tags),
        "content_hash": document.content_hash,
        "deleted_at": document.deleted_at,
    }


def to_chunk_tuples(embedded: EmbeddedDocument) -> bytes:
    """Return a document's chunks as tuples of COPY's binary format, in the order of `CHUNK_COLUMNS`."""
    return b"".join(
        _tuple(
            uuid.uuid4().bytes,
            embedded.document.id.bytes,
            struct.pack("!i", position),
            passage.encode(),
            vector_bytes(vector),
            embedded.model.encode(),
        )
        for position, (passage, vector) in enumerate(zip(embedded.document.passages, embedded.vectors, strict=True))
    )


def vector_bytes(vector: Sequence[float]) -> bytes:
    """Return a vector as pgvector's `vector_recv` reads it: int16 dimensions, int16 zero, float32 elements."""
    elements = array("f", vector)
    if sys.byteorder == "little":
        elements.byteswap()
    return struct.pack("!hh", len(elements), 0) + elements.tobytes()


def _tuple(*fields: bytes) -> bytes:
    parts = [struct.pack("!h", len(fields))]
    for value in fields:
        parts += (struct.pack("!i", len(value)), value)
    return b"".join(parts)
