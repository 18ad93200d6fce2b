"""WordLlama."""

import logging
import math
import socket

import pytest

from adapter.outbound.embedding.wordllama import WordLlamaEmbedder

pytest.importorskip("wordllama", reason="wordllama has no wheel for this Python")


def test_wordllama_knows_meaning_offline(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """It loads without the network, says nothing, leaves logging alone, and relates words that share no letters."""

    def refuse(*_arguments: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    embedder = WordLlamaEmbedder()
    doctor, physician, bridge = embedder.embed(["doctor in a hospital", "a physician", "a steel bridge over the river"])
    assert len(doctor) == embedder.dimensions == 256
    assert math.hypot(*doctor) == pytest.approx(1, abs=1e-5)

    def cosine(left: object, right: object) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))  # type: ignore[call-overload]

    assert cosine(doctor, physician) > cosine(doctor, bridge) + 0.2
    assert (logging.getLogger().handlers, logging.getLogger().level) == (handlers, level)
    assert capfd.readouterr() == ("", "")
