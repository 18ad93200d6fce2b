"""The use case that ingests documents: it embeds and stores new ones, and skips those that are stored already."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from application.documents.ports import Documents, EmbeddedDocument, Embedder
from application.transaction import Transaction
from domain.documents.document import Document
from domain.documents.errors import DimensionMismatchError

_BATCH_DOCUMENTS = 300


@dataclass(frozen=True)
class Ingested:
    """The result of an ingestion.

    Attributes:
        stored: Number of new documents.
        known: Number of documents whose text was stored already.
        passages: Number of passages of the new documents.
    """

    stored: int = 0
    known: int = 0
    passages: int = 0


@dataclass(frozen=True)
class IngestDocuments:
    """The use case that stores documents in batches, each in a transaction of its own.

    Stored batches stay if a later one fails or the process is interrupted. Ingesting the same texts again continues
    from there. Several processes may ingest the same texts at once; each text is stored by one of them.
    """

    documents: Documents
    embedder: Embedder
    transaction: Transaction

    async def __call__(
        self, documents: Iterable[Document], progress: Callable[[int], object] = lambda _documents: None
    ) -> Ingested:
        """Embed and store the documents that are new.

        Args:
            documents: Any number of documents, which are read batch by batch.
            progress: Function that is called after each batch with the number of its documents.

        Raises:
            DimensionMismatchError: The database cannot store the vectors of the model; nothing was written.
        """
        await self._check_dimensions()
        total = Ingested()
        for batch in _batches(documents):
            unique = {document.content_hash: document for document in batch}
            async with self.transaction():
                known = await self.documents.known(unique)
            new = [document for content_hash, document in unique.items() if content_hash not in known]
            # Outside of the transaction, because embedding takes longer than storing.
            embedded = await asyncio.to_thread(self._embed, new)
            async with self.transaction():
                stored = await self.documents.add_many(embedded) if embedded else ()
            total = Ingested(
                total.stored + len(stored),
                total.known + len(batch) - len(stored),
                total.passages + sum(len(document.passages) for document in new if document.id in stored),
            )
            progress(len(batch))
        return total

    async def _check_dimensions(self) -> None:
        async with self.transaction():
            expected = await self.documents.dimensions()
        if expected != self.embedder.dimensions:
            raise DimensionMismatchError(self.embedder.name, self.embedder.dimensions, expected)

    def _embed(self, documents: list[Document]) -> list[EmbeddedDocument]:
        texts = [text for document in documents for text in document.embedding_texts()]
        vectors = iter(self.embedder.embed(texts) if texts else ())
        return [
            EmbeddedDocument(document, self.embedder.name, list(islice(vectors, len(document.passages))))
            for document in documents
        ]


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    iterator = iter(documents)
    while batch := list(islice(iterator, _BATCH_DOCUMENTS)):
        yield batch
