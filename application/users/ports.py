"""The ports of the use cases of users."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from domain.users.user import User


class Users(Protocol):
    """The repository of all users, including deleted ones."""

    @abstractmethod
    async def find(self, email: str, *, for_change: bool = False) -> User | None:
        """Return the user with this address, deleted or not; None if there is none.

        Args:
            email: Normalized address.
            for_change: Whether to lock the user against changes by others until the transaction ends.
        """

    @abstractmethod
    async def add(self, user: User) -> bool:
        """Store a user and their profile. Return False, and store nothing, if the address is taken."""

    @abstractmethod
    async def add_many(self, users: Sequence[User]) -> int:
        """Store users and their profiles. Skip users whose id or address is taken. Return how many were stored."""

    @abstractmethod
    async def save(self, user: User) -> None:
        """Store the changes of a user. The profile stays as it is."""

    @abstractmethod
    async def locales(self) -> Sequence[str]:
        """Return the tags of the languages that the application supports."""
