"""Documents and their vectors on a real server."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapter.bootstrap.backend import Backend
from adapter.outbound.database.documents.mapper import vector_bytes
from adapter.outbound.database.documents.models import sqlalchemy as models
from adapter.outbound.database.documents.repository import DocumentRepository
from adapter.outbound.database.transaction import SessionTransaction
from adapter.outbound.embedding.hashing import HashingEmbedder
from adapter.outbound.postgres.engine import application_engine
from adapter.outbound.postgres.url import DatabaseURL
from application.documents.ingest_documents import IngestDocuments, Ingested
from domain.documents.document import Document
from domain.documents.errors import DimensionMismatchError, ForeignEmbeddingsError
from tests.integration.backends import act, act_at_once, rows

CUPS = Document.take_in("Cups", "cups.md", "Espresso cups are small.", ["kitchen", "small"], {"pages": 3})
STARS = Document.take_in("Stars", "stars.md", "Stars are large and far away.", ["sky"])


def ingest(url: str, *documents: Document) -> Ingested:
    """Take documents in."""
    return act(url, lambda backend: backend.ingest_documents(HashingEmbedder())(documents))


def search(url: str, query: str, *tags: str, limit: int = 5) -> list[str]:
    """Return the titles found."""
    found = act(url, lambda backend: backend.search_passages(HashingEmbedder())(query, tags, limit))
    return [passage.title for passage in found]


def test_ingest_and_search(migrated_url: str) -> None:
    """A text is found by its words and by tags, and the same text again changes nothing."""
    assert ingest(migrated_url, CUPS, STARS) == Ingested(stored=2, known=0, passages=2)
    before = rows(migrated_url, "SELECT * FROM documents ORDER BY id"), rows(migrated_url, "SELECT id FROM chunks")
    assert ingest(migrated_url, STARS, CUPS) == Ingested(stored=0, known=2, passages=0)
    after = rows(migrated_url, "SELECT * FROM documents ORDER BY id"), rows(migrated_url, "SELECT id FROM chunks")
    assert before == after
    assert search(migrated_url, "small espresso cups")[0] == "Cups"
    assert search(migrated_url, "small espresso cups", "sky") == ["Stars"]
    assert search(migrated_url, "stars", "kitchen", "small") == ["Cups"]
    assert search(migrated_url, "stars", "kitchen", "sky") == []


def test_binary_copy_writes_what_the_orm_writes(migrated_url: str) -> None:
    """A vector by binary COPY equals the same vector by the ORM's type, element by element, and both read back."""
    [vector] = HashingEmbedder().embed(["some words of no importance"])
    assert len(vector_bytes(vector)) == 4 + 4 * 256

    async def write() -> list[list[float]]:
        engine = application_engine(DatabaseURL.parse(migrated_url))
        async with AsyncSession(engine) as session:
            repository, transaction = DocumentRepository(session), SessionTransaction(session, "tester")
            await IngestDocuments(repository, HashingEmbedder(), transaction)([CUPS])
            async with transaction():
                # After COPY, on the same connection: the ORM's own binding must not have suffered.
                await session.execute(
                    insert(models.Chunk).values(
                        document_id=CUPS.id,
                        position=1,
                        content="again",
                        embedding=list(HashingEmbedder().embed(CUPS.embedding_texts())[0]),
                        embedding_model="hashing-256",
                    )
                )
                found = await session.scalars(select(models.Chunk.embedding).order_by(models.Chunk.position))
                vectors = list(found)
        await engine.dispose()
        return vectors

    by_copy, by_orm = asyncio.run(write())
    assert by_copy == by_orm
    assert rows(migrated_url, "SELECT count(DISTINCT embedding) FROM chunks") == [(1,)]


def test_two_processes_ingest_the_same_texts(migrated_url: str) -> None:
    """Several who take in the same texts at once, in different order, end well: each text is stored once, whole."""
    texts = [f"Text number {number}. " * (1 + number % 90) for number in range(700)]

    def reading(step: int) -> list[Document]:
        return [Document.take_in(f"Text {text[12:16]}", "somewhere", text) for text in texts[::step]]

    def ingests(step: int) -> Callable[[Backend], Awaitable[Ingested]]:
        return lambda backend: backend.ingest_documents(HashingEmbedder())(reading(step))

    results = act_at_once(migrated_url, [ingests(1), ingests(-1), ingests(1)])
    assert [type(result) for result in results] == [Ingested] * 3
    assert sum(result.stored for result in results if isinstance(result, Ingested)) == 700
    [(documents, passages)] = rows(
        migrated_url, "SELECT count(DISTINCT d.id), count(*) FROM documents d JOIN chunks c ON c.document_id = d.id"
    )
    assert (documents, passages) == (700, sum(len(document.passages) for document in reading(1)))


def test_filters_lose_no_rows(migrated_url: str) -> None:
    """A tag that few documents have still gives as many results as are asked for, though nearer ones lack it."""
    near = [Document.take_in("Near", "s", f"espresso cup {number}", ["common"]) for number in range(900)]
    far = [Document.take_in("Far", "s", f"galaxy {number} of stars", ["rare"]) for number in range(20)]
    ingest(migrated_url, *near, *far)
    rows(migrated_url, "ANALYZE documents")
    assert search(migrated_url, "espresso cup", "rare", limit=20) == ["Far"] * 20
    assert search(migrated_url, "espresso cup", limit=100) == ["Near"] * 100


def test_deleted_document_is_not_found(migrated_url: str) -> None:
    """A deleted document is not found, its text stays known, and it is found again when it is restored."""
    ingest(migrated_url, CUPS)
    act(migrated_url, lambda backend: backend.delete_document(CUPS.id))
    assert search(migrated_url, "cups") == []
    assert ingest(migrated_url, CUPS) == Ingested(stored=0, known=1, passages=0)
    restored = act(migrated_url, lambda backend: backend.restore_document(CUPS.id))
    assert restored == CUPS
    assert search(migrated_url, "cups") == ["Cups"]


def test_wrong_dimensions_write_nothing(migrated_url: str) -> None:
    """A model whose vectors the column does not hold is refused before anything is written."""
    with pytest.raises(DimensionMismatchError) as refused:
        act(migrated_url, lambda backend: backend.ingest_documents(HashingEmbedder(384))([CUPS]))
    assert refused.value.expected == 256
    assert rows(migrated_url, "SELECT count(*) FROM documents") == [(0,)]


def test_other_models_are_not_compared(migrated_url: str) -> None:
    """Vectors of another model of the same dimensions are not compared: the search says what was stored."""
    ingest(migrated_url, CUPS)
    rows(migrated_url, "UPDATE chunks SET embedding_model = 'another'")
    with pytest.raises(ForeignEmbeddingsError) as refused:
        search(migrated_url, "cups")
    assert refused.value.stored == ("another",)


def test_ingest_cut_off_goes_on(migrated_url: str) -> None:
    """When reading breaks off, the finished batches stay, whole, and the rest is taken in the next time."""
    documents = [Document.take_in("T", "s", f"text {uuid.UUID(int=number)}") for number in range(700)]

    def broken() -> Iterator[Document]:
        yield from documents[:650]
        raise KeyboardInterrupt

    async def breaks(backend: Backend) -> None:
        with pytest.raises(KeyboardInterrupt):
            await backend.ingest_documents(HashingEmbedder())(broken())

    act(migrated_url, breaks)
    assert rows(migrated_url, "SELECT count(*) FROM chunks") == [(600,)]
    assert ingest(migrated_url, *documents) == Ingested(stored=100, known=600, passages=100)
