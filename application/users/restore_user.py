"""The use case that restores a deleted user."""

from dataclasses import dataclass

from application.transaction import Transaction
from application.users.ports import Users
from domain.errors import NotFoundError
from domain.users.user import User, normalize_email


@dataclass(frozen=True)
class RestoreUser:
    """The use case that restores a deleted user."""

    users: Users
    transaction: Transaction

    async def __call__(self, email: str) -> User:
        """Restore the user with this address, and return them.

        Raises:
            NotFoundError: No user has the address.
            NotDeletedError: The user is not deleted.
        """
        async with self.transaction():
            user = await self.users.find(normalize_email(email), for_change=True)
            if user is None:
                raise NotFoundError("user", email, "check the address")
            restored = user.restore()
            await self.users.save(restored)
        return restored
