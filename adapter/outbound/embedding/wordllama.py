"""WordLlama: static word vectors distilled from a language model, small enough to come inside its wheel."""

import logging
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from application.documents.ports import Embedder


class WordLlamaEmbedder(Embedder):
    """Averages the vectors of a text's tokens; about 2,000 passages in a CPU second."""

    name = "wordllama-l2-supercat-256"
    dimensions = 256

    def __init__(self) -> None:
        self._model = _load(self.dimensions)

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return one vector for each text, in order, of Euclidean length 1."""
        # Texts of like length share a batch, as the shorter ones are padded.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        matrix = self._model.embed([texts[index] for index in order], norm=True)
        vectors = [array("f") for _ in texts]
        for index, row in zip(order, matrix, strict=True):
            vectors[index].frombytes(row.tobytes())
        return vectors


def _load(dimensions: int) -> Any:
    # The package configures the root logger when it is imported: from then on, every library would log to the terminal.
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    import wordllama

    root.handlers[:] = handlers
    root.setLevel(level)
    # Weights and tokenizer are in the wheel, the latter not in the folder that is searched first; with the package as
    # cache folder both are found, and nothing is looked up on the network.
    package = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(dim=dimensions, cache_dir=package, disable_download=True)
