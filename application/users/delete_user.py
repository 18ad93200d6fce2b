"""The use case that deletes a user softly: the row stays and can be restored."""

import datetime as dt
from dataclasses import dataclass

from application.transaction import Transaction
from application.users.ports import Users
from domain.errors import NotFoundError
from domain.users.user import User, normalize_email


@dataclass(frozen=True)
class DeleteUser:
    """The use case that marks a user as deleted."""

    users: Users
    transaction: Transaction

    async def __call__(self, email: str) -> User:
        """Mark the user with this address as deleted, and return them.

        Raises:
            NotFoundError: No user has the address.
            AlreadyDeletedError: The user is deleted already.
        """
        async with self.transaction():
            user = await self.users.find(normalize_email(email), for_change=True)
            if user is None:
                raise NotFoundError("user", email, "check the address")
            deleted = user.delete(dt.datetime.now(dt.UTC))
            await self.users.save(deleted)
        return deleted
