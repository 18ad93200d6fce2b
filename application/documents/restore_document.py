"""Restore a deleted document."""

import uuid
from dataclasses import dataclass

from application.documents.ports import Documents
from application.transaction import Transaction
from domain.documents.document import Document
from domain.errors import NotFoundError


@dataclass(frozen=True)
class RestoreDocument:
    """Makes a deleted document live again."""

    documents: Documents
    transaction: Transaction

    async def __call__(self, document_id: uuid.UUID) -> Document:
        """Restore.

        Raises:
            NotFoundError: There is none.
            NotDeletedError: It lives.
        """
        async with self.transaction():
            document = await self.documents.find(document_id, for_change=True)
            if document is None:
                raise NotFoundError("document", document_id, "check the id")
            restored = document.restore()
            await self.documents.save(restored)
        return restored
