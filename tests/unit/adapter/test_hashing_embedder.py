"""Feature hashing."""

import math

import pytest

from adapter.outbound.embedding.hashing import HashingEmbedder


def cosine(left: str, right: str) -> float:
    """Return the similarity of two texts."""
    first, second = HashingEmbedder().embed([left, right])
    return sum(a * b for a, b in zip(first, second, strict=True))


def test_vectors_have_length_one() -> None:
    """Each vector has the promised dimensions and Euclidean length 1, also of texts without words."""
    for vector in HashingEmbedder(64).embed(["some words", "…", "", "!?"]):
        assert len(vector) == 64
        assert math.hypot(*vector) == pytest.approx(1, abs=1e-6)


def test_same_text_same_vector() -> None:
    """Vectors depend on the text alone: not on the process, the order or the other texts."""
    one = HashingEmbedder().embed(["a text", "another"])[0]
    assert list(one) == list(HashingEmbedder().embed(["a text"])[0])


def test_shared_words_bring_texts_together() -> None:
    """Texts that share words, or parts of words, are nearer than texts that share none."""
    assert cosine("red espresso cups", "a red cup of espresso") > cosine("red espresso cups", "quantum field theory")
    assert cosine("PENICILINA", "penicilína") == pytest.approx(1, abs=1e-6)


def test_name_tells_the_dimensions() -> None:
    """Vectors of other dimensions are those of another model."""
    assert HashingEmbedder(64).name != HashingEmbedder(256).name
