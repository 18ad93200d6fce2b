"""The use case that restores a deleted document."""

import uuid
from dataclasses import dataclass

from application.documents.ports import Documents
from application.transaction import Transaction
from domain.documents.document import Document
from domain.errors import NotFoundError


@dataclass(frozen=True)
class RestoreDocument:
    """The use case that restores a deleted document."""

    documents: Documents
    transaction: Transaction

    async def __call__(self, document_id: uuid.UUID) -> Document:
        """Restore the document with this id, and return it.

        Raises:
            NotFoundError: There is no such document.
            NotDeletedError: The document is not deleted.
        """
        async with self.transaction():
            document = await self.documents.find(document_id, for_change=True)
            if document is None:
                raise NotFoundError("document", document_id, "check the id")
            restored = document.restore()
            await self.documents.save(restored)
        return restored
