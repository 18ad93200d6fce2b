"""Search passages by meaning."""

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
    """Gives the passages nearest in meaning, best first."""

    documents: Documents
    embedder: Embedder
    transaction: Transaction

    async def __call__(self, query: str, tags: Collection[str] = (), limit: int = 5) -> list[FoundPassage]:
        """Search living documents.

        Args:
            query: What to look for, in words.
            tags: Only documents that have all of these.
            limit: Most passages to give, 1 to 100.

        Raises:
            EmptyQueryError: The query has no word.
            InvalidValueError: The limit is out of range.
            DimensionMismatchError: The database holds vectors of other dimensions than the model makes.
            ForeignEmbeddingsError: Only other models embedded what is stored.
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
