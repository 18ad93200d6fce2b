"""Delete a document softly: searches no longer find it, and it can be restored."""

import datetime as dt
import uuid
from dataclasses import dataclass

from application.documents.ports import Documents
from application.transaction import Transaction
from domain.documents.document import Document
from domain.errors import NotFoundError


@dataclass(frozen=True)
class DeleteDocument:
    """Marks a document as deleted."""

    documents: Documents
    transaction: Transaction

    async def __call__(self, document_id: uuid.UUID) -> Document:
        """Delete.

        Raises:
            NotFoundError: There is none.
            AlreadyDeletedError: It is deleted.
        """
        async with self.transaction():
            document = await self.documents.find(document_id, for_change=True)
            if document is None:
                raise NotFoundError("document", document_id, "check the id")
            deleted = document.delete(dt.datetime.now(dt.UTC))
            await self.documents.save(deleted)
        return deleted
