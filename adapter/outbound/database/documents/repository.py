"""Documents in Postgres, with the vectors of their passages in pgvector."""

import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncSession

from adapter.outbound.database.documents.mapper import (
    CHUNK_COLUMNS,
    COPY_HEADER,
    COPY_TRAILER,
    to_chunk_tuples,
    to_document,
    to_document_values,
)
from adapter.outbound.database.documents.models import sqlalchemy as rows
from application.documents.ports import Documents, EmbeddedDocument
from domain.documents.document import Document
from domain.documents.ranking import FoundPassage

_HIGHEST_EF_SEARCH = 1000  # pgvector's own limit
_ITERATIVE_SCANS = (0, 8)  # the first version of pgvector that has them


@dataclass(frozen=True)
class DocumentRepository(Documents):
    """Reads and writes documents and their chunks.

    Attributes:
        session: The session in whose transaction everything runs.
    """

    session: AsyncSession

    async def dimensions(self) -> int:
        """Return the number of dimensions of stored vectors, as the column in this database declares it."""
        query = text("SELECT atttypmod FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attname = 'embedding'")
        return int((await self.session.execute(query)).scalar_one())

    async def known(self, hashes: Collection[str]) -> Collection[str]:
        """Return those of the content hashes whose text is stored."""
        query = select(rows.Document.content_hash).where(rows.Document.content_hash.in_(hashes))
        return set(await self.session.scalars(query))

    async def add_many(self, documents: Sequence[EmbeddedDocument]) -> Collection[uuid.UUID]:
        """Store documents and their passages, skip texts that are stored already, and return the new ids."""
        # Inserting in the order of the unique key prevents a deadlock between two processes with the same texts.
        ordered = sorted(documents, key=lambda embedded: embedded.document.content_hash)
        # No key is named: of two writers of the same rows, the second one may meet the first at either key.
        insert = insert_or_skip(rows.Document).on_conflict_do_nothing().returning(rows.Document.id)
        values = [to_document_values(embedded.document) for embedded in ordered]
        stored_ids = set((await self.session.execute(insert, values)).scalars())
        await copy_chunks(self.session, [embedded for embedded in ordered if embedded.document.id in stored_ids])
        return stored_ids

    async def find(self, document_id: uuid.UUID, *, for_change: bool = False) -> Document | None:
        """Return a document, deleted or not, or None if it does not exist."""
        row = await self.session.get(
            rows.Document, document_id, populate_existing=True, with_for_update=True if for_change else None
        )
        if row is None:
            return None
        chunks = select(rows.Chunk.content).where(rows.Chunk.document_id == row.id).order_by(rows.Chunk.position)
        return to_document(row, (await self.session.scalars(chunks)).all())

    async def save(self, document: Document) -> None:
        """Store the deletion time of a document."""
        await self.session.execute(
            update(rows.Document).where(rows.Document.id == document.id).values(deleted_at=document.deleted_at)
        )

    async def nearest(
        self, vector: Sequence[float], model: str, tags: Collection[str], limit: int
    ) -> Sequence[FoundPassage]:
        """Return the passages nearest to a vector by cosine distance, nearest first, without deleted documents."""
        await self._prepare_index_scan(limit, filtered=bool(tags))
        distance = rows.Chunk.embedding.cosine_distance(list(vector))
        query = (
            select(rows.Chunk.position, rows.Chunk.content, rows.Document, distance.label("distance"))
            .join(rows.Document, rows.Document.id == rows.Chunk.document_id)
            .where(rows.Chunk.embedding_model == model, rows.Document.deleted_at.is_(None))
            .order_by(distance)
            .limit(limit)
        )
        if tags:
            query = query.where(rows.Document.tags.contains(list(tags)))
        return [
            FoundPassage(
                document_id=document.id,
                title=document.title,
                source=document.source,
                tags=tuple(document.tags),
                position=position,
                content=content,
                similarity=1 - cosine_distance,
                score=1 - cosine_distance,
            )
            for position, content, document, cosine_distance in (await self.session.execute(query)).all()
        ]

    async def _prepare_index_scan(self, limit: int, *, filtered: bool) -> None:
        """Set the parameters of the index scan so that enough rows remain after the filters.

        An HNSW scan ends after `hnsw.ef_search` rows, 40 by default, and the filters remove some of them. Since
        pgvector 0.8 a scan can continue until there are enough rows (its README, "Iterative Index Scans"). Before that,
        only a larger `hnsw.ef_search` helps.
        """
        version = text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        major, minor = str((await self.session.execute(version)).scalar_one()).split(".")[:2]
        settings = {"hnsw.ef_search": str(min(limit, _HIGHEST_EF_SEARCH))}
        if (int(major), int(minor)) >= _ITERATIVE_SCANS:
            settings["hnsw.iterative_scan"] = "strict_order"
        elif filtered:
            settings["hnsw.ef_search"] = str(_HIGHEST_EF_SEARCH)
        for name, value in settings.items():
            await self.session.execute(select(func.set_config(name, value, True)))

    async def models(self) -> Sequence[str]:
        """Return the names of the embedding models of all stored passages."""
        query = select(rows.Chunk.embedding_model).distinct().order_by(rows.Chunk.embedding_model)
        return (await self.session.scalars(query)).all()


async def copy_chunks(session: AsyncSession, documents: Sequence[EmbeddedDocument]) -> None:
    """Write the chunks of documents by binary COPY, which avoids vectors as text.

    The bytes are built here. A codec for vectors on the connection would break the text that SQLAlchemy's type binds on
    the same connection later.

    Args:
        session: The session in whose transaction this runs.
        documents: The documents, whose own rows are written already.
    """

    async def source() -> AsyncIterator[bytes]:
        yield COPY_HEADER
        for embedded in documents:
            yield to_chunk_tuples(embedded)
        yield COPY_TRAILER

    if documents:
        # This is asyncpg's connection, which SQLAlchemy does not type.
        driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        await driver.copy_to_table(rows.Chunk.__tablename__, source=source(), columns=CHUNK_COLUMNS, format="binary")
