"""Errors of the documents context."""

from collections.abc import Sequence

from domain.errors import DomainError


class EmptyDocumentError(DomainError):
    """A text without words, which no search can find.

    Attributes:
        source: Origin of the text.
    """

    def __init__(self, source: str) -> None:
        super().__init__(f"{source} contains no text", "take in a text with at least one word")
        self.source = source


class NothingToIngestError(DomainError):
    """None of the named files holds a text.

    Attributes:
        source: The files and folders that were named.
    """

    def __init__(self, source: str) -> None:
        super().__init__(
            f"nothing was taken in: {source} has no file with text",
            "name a text or Markdown file in UTF-8 with at least one word, or a folder with such files",
        )
        self.source = source


class EmptyQueryError(DomainError):
    """A search query without words."""

    def __init__(self) -> None:
        super().__init__("the search has no words", "write a few words to search for")


class DimensionMismatchError(DomainError):
    """The embedding model returns vectors of other dimensions than the database stores.

    Attributes:
        model: Name of the embedding model.
        dimensions: Dimensions of its vectors.
        expected: Dimensions of the vectors in the database.
    """

    def __init__(self, model: str, dimensions: int, expected: int) -> None:
        super().__init__(
            f"{model} makes vectors of {dimensions} dimensions, the column has {expected}",
            "choose another model with EMBEDDER, or migrate the column to the dimensions of this one first",
        )
        self.model = model
        self.dimensions = dimensions
        self.expected = expected


class ForeignEmbeddingsError(DomainError):
    """All stored passages were embedded with other models, whose vectors cannot be compared.

    Attributes:
        model: Name of the embedding model of the search.
        stored: Names of the embedding models of the stored passages.
    """

    def __init__(self, model: str, stored: Sequence[str]) -> None:
        super().__init__(
            f"nothing was embedded with {model}, only with {', '.join(stored)}",
            "search with the model that embedded the texts (EMBEDDER)",
        )
        self.model = model
        self.stored = tuple(stored)
