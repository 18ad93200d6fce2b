"""Passages per second that binary COPY writes, against the ORM's type.

    python -m benchmarks.vector_write

The benchmark creates its own database on the embedded server and drops it afterwards. Both variants take turns, so that
they see the same disturbances; medians are compared. The first comparison is without the HNSW index, because its
maintenance costs both variants the same and hides the cost of the write itself. The second comparison is with it.
"""

import asyncio
import io
import math
import statistics
import time
import uuid
from array import array
from collections.abc import Sequence

from alembic import command
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from adapter.outbound.database.documents.models import sqlalchemy as models
from adapter.outbound.database.documents.repository import copy_chunks
from adapter.outbound.postgres import embedded
from adapter.outbound.postgres.engine import application_engine
from adapter.outbound.postgres.url import DatabaseURL
from application.documents.ports import EmbeddedDocument
from benchmarks.scratch import alembic_config, drop, recreate
from domain.documents.document import Document

PASSAGES = 3000
ROUNDS = 5
MODEL = "benchmark"
DATABASE = "benchmark_vector_write"


async def by_copy(session: AsyncSession, document: Document, vectors: Sequence[Sequence[float]]) -> None:
    """Write the passages with binary COPY, as the application does."""
    await copy_chunks(session, [EmbeddedDocument(document, MODEL, vectors)])


async def by_orm(session: AsyncSession, document: Document, vectors: Sequence[Sequence[float]]) -> None:
    """Write the passages through pgvector's SQLAlchemy type."""
    values = [
        {
            "document_id": document.id,
            "position": position,
            "content": passage,
            "embedding": list(vector),
            "embedding_model": MODEL,
        }
        for position, (passage, vector) in enumerate(zip(document.passages, vectors, strict=True))
    ]
    await session.execute(insert(models.Chunk), values)


async def measure(session: AsyncSession) -> dict[str, list[float]]:
    """Return the rows per second of each round, by variant; the caller rolls everything back."""
    # Dense vectors, like those of a model; zeros would be shorter texts for the ORM's type.
    length = models.EMBEDDING_DIMENSIONS
    vectors = [array("f", (math.sin(n * length + place) for place in range(length))) for n in range(PASSAGES)]
    rates: dict[str, list[float]] = {"copy": [], "orm": []}
    for turn in range(ROUNDS):
        for name, write in (("copy", by_copy), ("orm", by_orm)):
            document = Document(
                uuid.uuid4(), "Benchmark", "none", f"{name}{turn}", tuple(f"passage {n}" for n in range(PASSAGES))
            )
            await session.execute(
                insert(models.Document).values(
                    id=document.id, title=document.title, source=document.source, content_hash=document.content_hash
                )
            )
            start = time.perf_counter()
            await write(session, document, vectors)
            rates[name].append(PASSAGES / (time.perf_counter() - start))
    return rates


async def compare(url: str) -> None:
    """Print the rates of both variants and their ratio, without and with the HNSW index."""
    engine = application_engine(DatabaseURL.parse(url))
    for label, prepare in (("without index", "DROP INDEX idx_chunks_embedding"), ("with HNSW index", "SELECT 1")):
        async with AsyncSession(engine) as session:
            await session.execute(text(prepare))
            rates = await measure(session)
            await session.rollback()
        copy, orm = (statistics.median(rates[name]) for name in ("copy", "orm"))
        print(f"{label}: binary COPY {copy:,.0f} rows/s, ORM type {orm:,.0f} rows/s, ratio {copy / orm:.1f}")
    await engine.dispose()


def main() -> None:
    """Measure both variants in a temporary database."""
    server = embedded.start()
    recreate(server.url("postgres"), DATABASE)
    try:
        command.upgrade(alembic_config(server.url(DATABASE), io.StringIO()), "head")
        asyncio.run(compare(server.url(DATABASE)))
    finally:
        drop(server.url("postgres"), DATABASE)


if __name__ == "__main__":
    main()
