"""The ranking of search results: by meaning, corrected by the rare words that query and passage share."""

import math
import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

# Weight of the shared words relative to the cosine similarity, chosen with 600 Wikipedia descriptions as queries. With
# 200 candidates, the right lead section came first in 44 % of the Spanish searches (25 % by vectors alone) and in 58 %
# of the English ones (33 %).
_SHARED_WORDS_WEIGHT = 0.3
# Six letters are a good enough stem in Spanish and English: ciudad, ciudades; discover, discovered.
_STEM_LENGTH = 6
_SHORTEST_WORD = 3


@dataclass(frozen=True)
class FoundPassage:
    """A passage that a search found.

    Attributes:
        document_id: Id of the document.
        title: Title of the document.
        source: Origin of the document.
        tags: Labels of the document.
        position: Position of the passage in the document, from 0.
        content: Text of the passage.
        similarity: Cosine similarity of query and passage, from -1 to 1.
        score: Weighted sum of similarity and shared words, by which results are sorted; at most 1.
    """

    document_id: uuid.UUID
    title: str
    source: str
    tags: tuple[str, ...]
    position: int
    content: str
    similarity: float
    score: float


def rank(query: str, candidates: Sequence[FoundPassage]) -> list[FoundPassage]:
    """Return candidates sorted by meaning and shared words, the best first.

    A static embedding represents names and rare languages badly. So each word that a candidate shares with the query
    raises its score. A word has more weight if fewer candidates contain it. "de" or "the", which nearly all of them
    contain, have no weight, in any language.

    Args:
        query: Text of the search.
        candidates: Passages near to the query by their vectors, more than will be shown.
    """
    query_stems = _stems(query)
    shared_stems = [query_stems & _stems(f"{candidate.title} {candidate.content}") for candidate in candidates]
    weights = {
        stem: math.log((len(candidates) + 1) / (1 + sum(stem in stems for stems in shared_stems)))
        for stem in query_stems
    }
    # The sum is 0 if every candidate contains every word of the query.
    total = sum(weights.values()) or 1.0
    ranked = [
        replace(
            candidate,
            score=(candidate.similarity + _SHARED_WORDS_WEIGHT * sum(weights[stem] for stem in stems) / total)
            / (1 + _SHARED_WORDS_WEIGHT),
        )
        for candidate, stems in zip(candidates, shared_stems, strict=True)
    ]
    return sorted(ranked, key=lambda passage: -passage.score)


def _stems(text: str) -> frozenset[str]:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return frozenset(word[:_STEM_LENGTH] for word in re.findall(r"\w+", plain) if len(word) >= _SHORTEST_WORD)
