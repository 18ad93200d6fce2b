"""Use cases of documents."""

import asyncio
import uuid

import pytest

from adapter.outbound.embedding.hashing import HashingEmbedder
from application.documents.delete_document import DeleteDocument
from application.documents.ingest_documents import IngestDocuments, Ingested
from application.documents.restore_document import RestoreDocument
from application.documents.search_passages import SearchPassages
from domain.documents.document import Document
from domain.documents.errors import DimensionMismatchError, EmptyQueryError, ForeignEmbeddingsError
from domain.errors import InvalidValueError, NotFoundError
from tests.unit.application.fakes import FakeDocuments, FakeTransaction

CUPS = Document.take_in("Cups", "cups.md", "Espresso cups are small.", ["kitchen"])
STARS = Document.take_in("Stars", "stars.md", "Stars are large and far away.", ["sky"])


def ingest(store: FakeDocuments, *documents: Document, model: int = 256) -> Ingested:
    """Take documents in."""
    return asyncio.run(IngestDocuments(store, HashingEmbedder(model), FakeTransaction(store))(documents))


def search(store: FakeDocuments, query: str, tags: tuple[str, ...] = (), limit: int = 5, model: int = 256) -> list[str]:
    """Return the titles found."""
    use_case = SearchPassages(store, HashingEmbedder(model), FakeTransaction(store))
    return [passage.title for passage in asyncio.run(use_case(query, tags, limit))]


def test_ingesting_again_changes_nothing() -> None:
    """The same text is stored once: twice in one go, again, and under another title."""
    store = FakeDocuments()
    assert ingest(store, CUPS, STARS, CUPS) == Ingested(stored=2, known=1, passages=2)
    before = dict(store.stored)
    again = Document.take_in("Other", "other.md", "Espresso cups are small.  \r\n")
    assert ingest(store, CUPS, again) == Ingested(stored=0, known=2, passages=0)
    assert store.stored == before


def test_progress_counts_every_document() -> None:
    """Progress reaches the number of documents, over several batches."""
    store = FakeDocuments()
    documents = [Document.take_in("T", "s", f"text {number}") for number in range(701)]
    done: list[int] = []
    use_case = IngestDocuments(store, HashingEmbedder(), FakeTransaction(store))
    asyncio.run(use_case(documents, done.append))
    assert (len(done), sum(done)) == (3, 701)


def test_wrong_dimensions_write_nothing() -> None:
    """A model whose vectors do not fit is refused before anything is written, and so is searching with it."""
    store = FakeDocuments(length=256)
    with pytest.raises(DimensionMismatchError) as refused:
        ingest(store, CUPS, model=384)
    assert (refused.value.dimensions, refused.value.expected) == (384, 256)
    assert not store.stored
    with pytest.raises(DimensionMismatchError):
        search(store, "cups", model=384)


def test_search_filters_by_all_tags() -> None:
    """A search finds the near first; tags leave out documents that lack one of them."""
    store = FakeDocuments()
    ingest(store, CUPS, STARS)
    assert search(store, "small espresso cup") == ["Cups", "Stars"]
    assert search(store, "small espresso cup", ("sky",)) == ["Stars"]
    assert search(store, "small espresso cup", ("sky", "kitchen")) == []
    assert search(store, "small espresso cup", limit=1) == ["Cups"]


def test_models_are_never_compared() -> None:
    """A search with another model than the stored one says so, and does not compare what cannot be compared."""
    store = FakeDocuments(length=64)
    ingest(store, CUPS, model=64)
    store.length = 128
    with pytest.raises(ForeignEmbeddingsError) as refused:
        search(store, "cups", model=128)
    assert refused.value.stored == ("hashing-64",)


def test_empty_store_finds_nothing() -> None:
    """Where nothing is stored, nothing is found, and that is no error."""
    assert search(FakeDocuments(), "cups") == []


def test_search_for_nothing_is_refused() -> None:
    """A search has words and a sensible limit."""
    for query in ("", " … "):
        with pytest.raises(EmptyQueryError):
            search(FakeDocuments(), query)
    for limit in (0, 101):
        with pytest.raises(InvalidValueError):
            search(FakeDocuments(), "cups", limit=limit)
    assert search(FakeDocuments(), "cups", limit=100) == []


def test_deleted_documents_are_not_found() -> None:
    """A deleted document is not found until it is restored; one that does not exist is neither."""
    store = FakeDocuments()
    ingest(store, CUPS)
    delete, restore = DeleteDocument(store, FakeTransaction(store)), RestoreDocument(store, FakeTransaction(store))
    asyncio.run(delete(CUPS.id))
    assert search(store, "cups") == []
    asyncio.run(restore(CUPS.id))
    assert search(store, "cups") == ["Cups"]
    for use_case in (delete, restore):
        with pytest.raises(NotFoundError):
            asyncio.run(use_case(uuid.uuid4()))
