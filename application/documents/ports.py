"""What the use cases of documents need from outside."""

import uuid
from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.documents.document import Document
from domain.documents.ranking import FoundPassage


class Embedder(Protocol):
    """Turns texts into vectors whose nearness means nearness of meaning.

    Attributes:
        name: Of the model; stored with each vector, as vectors of different models cannot be compared.
        dimensions: Length of each vector.
    """

    name: str
    dimensions: int

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector for each text, in order, of Euclidean length 1. Blocks a CPU: call it in a thread."""


@dataclass(frozen=True)
class EmbeddedDocument:
    """A document and the vectors of its passages.

    Attributes:
        document: The document.
        model: Name of the embedding model.
        vectors: One for each passage, in order.
    """

    document: Document
    model: str
    vectors: Sequence[Sequence[float]]


class Documents(Protocol):
    """The documents there are, deleted ones included."""

    @abstractmethod
    async def dimensions(self) -> int:
        """Return the length of the vectors that can be stored."""

    @abstractmethod
    async def known(self, hashes: Collection[str]) -> Collection[str]:
        """Return those content hashes whose text is stored."""

    @abstractmethod
    async def add_many(self, documents: Sequence[EmbeddedDocument]) -> Collection[uuid.UUID]:
        """Store documents and their passages; skip texts that are stored, and give the ids of those that were new."""

    @abstractmethod
    async def find(self, document_id: uuid.UUID, *, for_change: bool = False) -> Document | None:
        """Return a document, living or deleted.

        Args:
            document_id: Its identity.
            for_change: Keep others from changing the document until the transaction ends.
        """

    @abstractmethod
    async def save(self, document: Document) -> None:
        """Store whether a document is deleted."""

    @abstractmethod
    async def nearest(
        self, vector: Sequence[float], model: str, tags: Collection[str], limit: int
    ) -> Sequence[FoundPassage]:
        """Return the passages of living documents that are nearest to a vector, nearest first.

        Args:
            vector: Of the query.
            model: Only passages that this model embedded.
            tags: Only documents that have all of these.
            limit: Most passages to give; filters do not make them fewer.
        """

    @abstractmethod
    async def models(self) -> Sequence[str]:
        """Return the names of the models that stored passages were embedded with."""
