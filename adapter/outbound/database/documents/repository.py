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
_ITERATIVE_SCANS = (0, 8)  # the version of pgvector that brought them


@dataclass(frozen=True)
class DocumentRepository(Documents):
    """Reads and writes documents and their chunks.

    Attributes:
        session: In whose transaction everything happens.
    """

    session: AsyncSession

    async def dimensions(self) -> int:
        """Return the length of the vectors that can be stored: what the column declares in this database."""
        query = text("SELECT atttypmod FROM pg_attribute WHERE attrelid = 'chunks'::regclass AND attname = 'embedding'")
        return int((await self.session.execute(query)).scalar_one())

    async def known(self, hashes: Collection[str]) -> Collection[str]:
        """Return those content hashes whose text is stored."""
        query = select(rows.Document.content_hash).where(rows.Document.content_hash.in_(hashes))
        return set(await self.session.scalars(query))

    async def add_many(self, documents: Sequence[EmbeddedDocument]) -> Collection[uuid.UUID]:
        """Store documents and their passages; skip texts that are stored, and give the ids of those that were new."""
        # In the order of the unique key: two processes with the same texts wait for each other, and never crosswise.
        ordered = sorted(documents, key=lambda embedded: embedded.document.content_hash)
        skip = (
            insert_or_skip(rows.Document)
            .on_conflict_do_nothing(index_elements=["content_hash"])
            .returning(rows.Document.id)
        )
        values = [to_document_values(embedded.document) for embedded in ordered]
        stored = set((await self.session.execute(skip, values)).scalars())
        await copy_chunks(self.session, [embedded for embedded in ordered if embedded.document.id in stored])
        return stored

    async def find(self, document_id: uuid.UUID, *, for_change: bool = False) -> Document | None:
        """Return a document, living or deleted."""
        row = await self.session.get(
            rows.Document, document_id, populate_existing=True, with_for_update=True if for_change else None
        )
        if row is None:
            return None
        chunks = select(rows.Chunk.content).where(rows.Chunk.document_id == row.id).order_by(rows.Chunk.position)
        return to_document(row, (await self.session.scalars(chunks)).all())

    async def save(self, document: Document) -> None:
        """Store whether a document is deleted."""
        await self.session.execute(
            update(rows.Document).where(rows.Document.id == document.id).values(deleted_at=document.deleted_at)
        )

    async def nearest(
        self, vector: Sequence[float], model: str, tags: Collection[str], limit: int
    ) -> Sequence[FoundPassage]:
        """Return the passages of living documents that are nearest to a vector by cosine distance, nearest first."""
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
        """Let the index give as many rows as are asked for, whatever the filters drop.

        An HNSW scan ends after `hnsw.ef_search` rows, 40 unless set, and filters thin those out. From pgvector 0.8 on
        it goes on until there are enough (its README, "Iterative Index Scans"); before, only looking at more helps.
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
        """Return the names of the models that stored passages were embedded with."""
        query = select(rows.Chunk.embedding_model).distinct().order_by(rows.Chunk.embedding_model)
        return (await self.session.scalars(query)).all()


async def copy_chunks(session: AsyncSession, documents: Sequence[EmbeddedDocument]) -> None:
    """Write the chunks of documents by binary COPY: their vectors need not become text and numbers again.

    The bytes are made here, as a codec for vectors on the connection would break the text that SQLAlchemy's type binds
    on the same connection later.

    Args:
        session: In whose transaction this happens.
        documents: Their own rows are written already.
    """

    async def source() -> AsyncIterator[bytes]:
        yield COPY_HEADER
        for embedded in documents:
            yield to_chunk_tuples(embedded)
        yield COPY_TRAILER

    if documents:
        # asyncpg's connection, whose type SQLAlchemy does not know.
        driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        await driver.copy_to_table(rows.Chunk.__tablename__, source=source(), columns=CHUNK_COLUMNS, format="binary")
