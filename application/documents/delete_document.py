"""The use case that deletes a document softly: searches no longer find it, and it can be restored."""

import datetime as dt
import uuid
from dataclasses import dataclass

from application.documents.ports import Documents
from application.transaction import Transaction
from domain.documents.document import Document
from domain.errors import NotFoundError


@dataclass(frozen=True)
class DeleteDocument:
    """The use case that marks a document as deleted."""

    documents: Documents
    transaction: Transaction

    async def __call__(self, document_id: uuid.UUID) -> Document:
        """Mark the document with this id as deleted, and return it.

        Raises:
            NotFoundError: There is no such document.
            AlreadyDeletedError: The document is deleted already.
        """
        async with self.transaction():
            document = await self.documents.find(document_id, for_change=True)
            if document is None:
                raise NotFoundError("document", document_id, "check the id")
            deleted = document.delete(dt.datetime.now(dt.UTC))
            await self.documents.save(deleted)
        return deleted
