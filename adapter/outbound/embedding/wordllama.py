"""WordLlama: static word vectors distilled from a language model; the wheel contains the weights."""

import logging
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from application.documents.ports import Embedder


class WordLlamaEmbedder(Embedder):
    """Averages the vectors of a text's tokens; embeds about 2,000 passages in a CPU second."""

    name = "wordllama-l2-supercat-256"
    dimensions = 256

    def __init__(self) -> None:
        self._model = _load(self.dimensions)

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector of Euclidean length 1 for each text, in their order."""
        # Texts of similar length share a batch, because shorter texts are padded.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        matrix = self._model.embed([texts[index] for index in order], norm=True)
        vectors = [array("f") for _ in texts]
        for index, row in zip(order, matrix, strict=True):
            vectors[index].frombytes(row.tobytes())
        return vectors


def _load(dimensions: int) -> Any:
    # Importing the package configures the root logger, which would make every library log to the terminal.
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    import wordllama

    root.handlers[:] = handlers
    root.setLevel(level)
    # The wheel contains weights and tokenizer, but the tokenizer is not in the first search folder. With the package as
    # cache folder both are found, and nothing is downloaded.
    package = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(dim=dimensions, cache_dir=package, disable_download=True)
