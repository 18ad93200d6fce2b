"""The ports of the use cases of documents."""

import uuid
from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.documents.document import Document
from domain.documents.ranking import FoundPassage


class Embedder(Protocol):
    """An embedding model: texts of similar meaning have vectors that are near to each other.

    Attributes:
        name: Name of the model. It is stored with each vector, because vectors of different models cannot be compared.
        dimensions: Number of dimensions of each vector.
    """

    name: str
    dimensions: int

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector of Euclidean length 1 for each text, in order. Call it in a thread, as it blocks a CPU."""


@dataclass(frozen=True)
class EmbeddedDocument:
    """A document and the vectors of its passages.

    Attributes:
        document: The document.
        model: Name of the embedding model.
        vectors: One vector for each passage, in order.
    """

    document: Document
    model: str
    vectors: Sequence[Sequence[float]]


class Documents(Protocol):
    """The repository of all documents, including deleted ones."""

    @abstractmethod
    async def dimensions(self) -> int:
        """Return the number of dimensions of the vectors that can be stored."""

    @abstractmethod
    async def known(self, hashes: Collection[str]) -> Collection[str]:
        """Return the content hashes whose text is stored already."""

    @abstractmethod
    async def add_many(self, documents: Sequence[EmbeddedDocument]) -> Collection[uuid.UUID]:
        """Store documents and their passages. Skip texts that are stored already. Return the ids of the new ones."""

    @abstractmethod
    async def find(self, document_id: uuid.UUID, *, for_change: bool = False) -> Document | None:
        """Return the document with this id, deleted or not; None if there is none.

        Args:
            document_id: Id of the document.
            for_change: Whether to lock the document against changes by others until the transaction ends.
        """

    @abstractmethod
    async def save(self, document: Document) -> None:
        """Store whether a document is deleted."""

    @abstractmethod
    async def nearest(
        self, vector: Sequence[float], model: str, tags: Collection[str], limit: int
    ) -> Sequence[FoundPassage]:
        """Return the passages nearest to a vector, nearest first, without those of deleted documents.

        Args:
            vector: Vector of the query.
            model: Name of the embedding model; passages of other models are left out.
            tags: Labels that a document must have, all of them.
            limit: Highest number of passages; filters do not reduce it.
        """

    @abstractmethod
    async def models(self) -> Sequence[str]:
        """Return the names of the embedding models of the stored passages."""
