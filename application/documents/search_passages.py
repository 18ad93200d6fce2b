"""The use case that searches passages by meaning."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from application.documents.ports import Documents, Embedder
from application.transaction import Transaction
from domain.documents.errors import DimensionMismatchError, EmptyQueryError, ForeignEmbeddingsError
from domain.documents.ranking import FoundPassage, rank
from domain.errors import InvalidValueError

HIGHEST_LIMIT = 100
_FEWEST_CANDIDATES = 200


@dataclass(frozen=True)
class SearchPassages:
    """The use case that returns the passages nearest in meaning, the best first."""

    documents: Documents
    embedder: Embedder
    transaction: Transaction

    async def __call__(self, query: str, tags: Collection[str] = (), limit: int = 5) -> list[FoundPassage]:
        """Return the passages that answer a query, without those of deleted documents.

        Args:
            query: Words to search for.
            tags: Labels that a document must have, all of them.
            limit: Highest number of passages, from 1 to 100.

        Raises:
            EmptyQueryError: The query has no words.
            InvalidValueError: The limit is out of range.
            DimensionMismatchError: The database stores vectors of other dimensions than those of the model.
            ForeignEmbeddingsError: All stored passages were embedded with other models.
        """
        if not any(character.isalnum() for character in query):
            raise EmptyQueryError
        if not 1 <= limit <= HIGHEST_LIMIT:
            raise InvalidValueError("limit", limit, f"show 1 to {HIGHEST_LIMIT} passages")
        [vector] = await asyncio.to_thread(self.embedder.embed, [query])
        model = self.embedder.name
        async with self.transaction():
            expected = await self.documents.dimensions()
            if expected != len(vector):
                raise DimensionMismatchError(model, len(vector), expected)
            candidates = await self.documents.nearest(vector, model, tags, max(_FEWEST_CANDIDATES, 4 * limit))
            if not candidates:
                stored = await self.documents.models()
                if stored and model not in stored:
                    raise ForeignEmbeddingsError(model, stored)
        return rank(query, candidates)[:limit]
