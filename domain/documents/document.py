"""A document: an ingested text, split into passages."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from domain.documents.errors import EmptyDocumentError
from domain.documents.text import content_hash, split_into_passages
from domain.errors import AlreadyDeletedError, InvalidValueError, NotDeletedError

_TITLE_LENGTH = 300


@dataclass(frozen=True)
class Document:
    """An ingested text, split into the passages by which searches find it.

    Attributes:
        id: Identity of the document.
        title: Title for search results; at most 300 characters.
        source: Origin of the text: a path or a URL.
        content_hash: SHA-256 of the normalized text. The same text is ingested only once.
        passages: Passages of the text, in order; at least one.
        tags: Labels for filters, sorted and without duplicates.
        details: Further data about the text.
        deleted_at: Time of the deletion; None if the document is not deleted.
    """

    id: uuid.UUID
    title: str
    source: str
    content_hash: str
    passages: tuple[str, ...]
    tags: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    deleted_at: dt.datetime | None = None

    @classmethod
    def take_in(
        cls, title: str, source: str, text: str, tags: Iterable[str] = (), details: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a new document for a text.

        Raises:
            EmptyDocumentError: The text has no words.
            InvalidValueError: The title is empty or too long.
        """
        title = title.strip()
        if not title or len(title) > _TITLE_LENGTH:
            raise InvalidValueError("title", title, f"write 1 to {_TITLE_LENGTH} characters")
        passages = split_into_passages(text)
        if not passages:
            raise EmptyDocumentError(source)
        labels = tuple(sorted({tag.strip() for tag in tags} - {""}))
        return cls(uuid.uuid4(), title, source, content_hash(text), passages, labels, details or {})

    def embedding_texts(self) -> tuple[str, ...]:
        """Return the text to embed for each passage: the title and the passage, which often omits its subject."""
        return tuple(f"{self.title}\n{passage}" for passage in self.passages)

    def delete(self, at: dt.datetime) -> Self:
        """Return the document, marked as deleted at that time.

        Raises:
            AlreadyDeletedError: The document is deleted already.
        """
        if self.deleted_at is not None:
            raise AlreadyDeletedError("document", self.id)
        return replace(self, deleted_at=at)

    def restore(self) -> Self:
        """Return the document, no longer marked as deleted.

        Raises:
            NotDeletedError: The document is not deleted.
        """
        if self.deleted_at is None:
            raise NotDeletedError("document", self.id)
        return replace(self, deleted_at=None)
