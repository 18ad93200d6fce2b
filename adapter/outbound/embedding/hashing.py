"""Feature hashing: vectors of the words in a text, without a package and without a model.

It finds shared words and parts of words, not meaning. It is meant for tests, and for places where no model may run.
"""

import hashlib
import math
import re
import unicodedata
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache

from application.documents.ports import Embedder

_PART = 4  # characters of a part of a word


class HashingEmbedder(Embedder):
    """Adds or subtracts 1 at the position given by the hash of each word and each part of a word.

    Args:
        dimensions: The number of dimensions of the vectors.
    """

    def __init__(self, dimensions: int = 256) -> None:
        self.dimensions = dimensions
        self.name = f"hashing-{dimensions}"

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector of Euclidean length 1 for each text, in their order."""
        return [self._embed(text) for text in texts]

    def _embed(self, text: str) -> Sequence[float]:
        sums = [0.0] * self.dimensions
        for feature in _features(text):
            place, sign = _place(feature, self.dimensions)
            sums[place] += sign
        if not any(sums):
            # There are no features, or they cancel out. pgvector omits zero vectors from cosine indexes.
            sums[_place(text, self.dimensions)[0]] = 1.0
        length = math.hypot(*sums)
        return array("f", (value / length for value in sums))


def _features(text: str) -> Iterator[str]:
    decomposed = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    for word in re.findall(r"\w+", plain):
        yield word
        for start in range(len(word) - _PART + 1):
            yield "#" + word[start : start + _PART]


@lru_cache(maxsize=100_000)
def _place(feature: str, dimensions: int) -> tuple[int, float]:
    number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest())
    return (number >> 1) % dimensions, 1.0 if number & 1 else -1.0
