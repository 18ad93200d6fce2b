"""A document: a text that was taken in as a whole."""

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
    """A text that was taken in as a whole, as the passages that it is found by.

    Attributes:
        id: Identity.
        title: Shown with results; at most 300 characters.
        source: Where the text came from: a path or an address.
        content_hash: SHA-256 of the normalized text: the same text is taken in once.
        passages: The text in parts, in order; at least one.
        tags: Labels to filter by, sorted, each once.
        details: Anything else known of the text.
        deleted_at: When it was deleted; None while alive.
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
        """Make a new document of a text.

        Raises:
            EmptyDocumentError: The text has no word.
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
        """Return what is embedded for each passage: the title in front, as a passage alone often omits its subject."""
        return tuple(f"{self.title}\n{passage}" for passage in self.passages)

    def delete(self, at: dt.datetime) -> Self:
        """Return the document as deleted at that moment.

        Raises:
            AlreadyDeletedError: It is deleted.
        """
        if self.deleted_at is not None:
            raise AlreadyDeletedError("document", self.id)
        return replace(self, deleted_at=at)

    def restore(self) -> Self:
        """Return the document as living.

        Raises:
            NotDeletedError: It lives.
        """
        if self.deleted_at is None:
            raise NotDeletedError("document", self.id)
        return replace(self, deleted_at=None)
