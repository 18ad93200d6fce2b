"""Ranking found passages: meaning first, corrected by the rare words that query and passage share."""

import math
import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

# Weight of the shared words against the cosine similarity. Chosen on 600 Wikipedia descriptions as queries: with 200
# candidates the right lead came first in 44 % of Spanish searches (25 % by vectors alone) and 58 % of English (33 %).
_SHARED_WORDS_WEIGHT = 0.3
# Six letters are stem enough in Spanish and English: ciudad, ciudades; discover, discovered.
_STEM_LENGTH = 6
_SHORTEST_WORD = 3


@dataclass(frozen=True)
class FoundPassage:
    """A passage that a search found.

    Attributes:
        document_id: The document.
        title: Its title.
        source: Where it came from.
        tags: Its labels.
        position: Place of the passage in the document, from 0.
        content: Text of the passage.
        similarity: Cosine similarity of query and passage, -1 to 1.
        score: What results are ordered by: similarity and shared words, weighed; at most 1.
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
    """Order candidates by meaning and shared words, the best first.

    A static embedding knows little of names and of languages that it was hardly trained on. So a candidate gains by
    each word of the query that it holds, and a word weighs the more the fewer candidates hold it: "de" or "the", which
    nearly all of them hold, weigh nothing, in any language.

    Args:
        query: What was searched for.
        candidates: What is near to it by vectors; more than are to be shown.
    """
    wanted = _stems(query)
    held = [wanted & _stems(f"{candidate.title} {candidate.content}") for candidate in candidates]
    weights = {stem: math.log((len(candidates) + 1) / (1 + sum(stem in stems for stems in held))) for stem in wanted}
    # No word distinguishes the candidates, where each holds all of them.
    total = sum(weights.values()) or 1.0
    ranked = [
        replace(
            candidate,
            score=(candidate.similarity + _SHARED_WORDS_WEIGHT * sum(weights[stem] for stem in stems) / total)
            / (1 + _SHARED_WORDS_WEIGHT),
        )
        for candidate, stems in zip(candidates, held, strict=True)
    ]
    return sorted(ranked, key=lambda passage: -passage.score)


def _stems(text: str) -> frozenset[str]:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return frozenset(word[:_STEM_LENGTH] for word in re.findall(r"\w+", plain) if len(word) >= _SHORTEST_WORD)
